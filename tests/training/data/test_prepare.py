"""Fetching and drawing what training learns from."""

import numpy as np
import pytest

from guided.errors import BadInput
from guided.training.data import prepare


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


def test_wrong_settings_are_named() -> None:
    with pytest.raises(BadInput, match="size=4"):
        prepare.Settings(size=4).check()
