"""Fetching and drawing what training learns from."""

from pathlib import Path

import numpy as np
import pytest

from guided.errors import BadInput
from guided.training.data import pictures, prepare, sources


def test_a_picture_is_cropped_to_its_ink_and_centred() -> None:
    picture = prepare.Image.new("RGBA", (100, 100))
    picture.paste((255, 0, 0, 255), (70, 10, 90, 20))
    square = prepare.centred(picture, 64)
    assert square is not None
    across = np.flatnonzero(square[..., 3].max(0) > 128)
    down = np.flatnonzero(square[..., 3].max(1) > 128)
    assert across[0] == 63 - across[-1] <= 1
    assert abs(down[0] - (63 - down[-1])) <= 1
    assert tuple(square[32, 32]) == (255, 0, 0, 255)
    assert prepare.centred(prepare.Image.new("RGBA", (9, 9)), 64) is None


def test_every_source_is_pinned_and_not_share_alike() -> None:
    book = sources.read()
    for source in [book["words"], *book["pictures"]]:
        assert len(source["sha256"]) == 64
        assert source["version"] and source["attribution"]
        assert "SA" not in source["licence"] and "GPL" not in source["licence"]


def test_nobody_learns_from_what_the_other_is_measured_on() -> None:
    """The judge's and the guides' renderings are apart, and all have a learner."""
    guides, judge = set(sources.of("guides")), set(sources.of("judge"))
    assert guides and judge and not guides & judge
    assert guides | judge == {source["name"] for source in sources.read()["pictures"]}
    assert set(sources.subjects()["vendors"]) == guides


def test_new_pictures_replace_the_smaller_copies_of_old_ones(folder: Path) -> None:
    assert len(pictures.load(folder, 32)) == 12
    book = prepare.json.loads((folder / "captions.json").read_text())
    book["pictures"] = book["pictures"][:8]
    prepare.write(folder, np.load(folder / "pictures.npy")[:8], book)
    assert len(pictures.load(folder, 32)) == len(pictures.load(folder, 32).vendors) == 8


def test_wrong_settings_are_named() -> None:
    with pytest.raises(BadInput, match="size=4"):
        prepare.Settings(size=4).check()
