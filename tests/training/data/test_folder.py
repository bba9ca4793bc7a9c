"""Somebody's own pictures and their captions."""

import logging
from pathlib import Path

import pytest
import torch
from PIL import Image

from guided.errors import BadInput
from guided.training.data import folder


def test_pictures_and_captions_are_found_and_bad_files_told(
    own: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        found = folder.load(own, 32)
    assert "broken.png" in caplog.text and "notes" not in caplog.text
    captions = dict(zip(found.names, found.captions, strict=True))
    assert captions == {
        "more/0003.webp": ["the sky", "blue sky at noon"],
        "more/a sea.gif": ["a sea"],
        "red_house-01.png": ["red house"],
        "red_house-02.jpg": ["red house"],
    }
    assert all(min(picture.shape[1:]) == round(32 * folder.SPARE) for picture in found.pictures)


def test_a_name_without_words_takes_its_folders(tmp_path: Path) -> None:
    assert folder.captions_of(tmp_path / "old_trees" / "IMG" / "0012.png") == ["IMG"]
    assert folder.captions_of(tmp_path / "old_trees" / "0012.png") == ["old trees"]


def test_batches_are_square_repeatable_and_show_the_picture(own: Path) -> None:
    found = folder.load(own, 32)
    rows = torch.tensor([0, 2, 3])
    once, again = (found.batch(rows, 32, torch.Generator().manual_seed(5)) for _ in range(2))
    assert once.shape == (3, 3, 32, 32) and torch.equal(once, again)
    red = once[1].mean((1, 2))
    assert red[0] > 0.95 and red[1:].max() < 0.05


def test_crops_reach_the_ends_of_a_long_picture_and_are_mirrored() -> None:
    wide = torch.zeros(3, 37, 100, dtype=torch.uint8)
    wide[0, :, :20], wide[1, :, -20:] = 255, 255
    left, right = (folder.crop(wide, 32, 1.0, x, 0.5, mirror=False) for x in (0.0, 0.999))
    assert left[0, :, :10].min() > 0.9 and left[1].max() < 0.05
    assert right[1, :, -10:].min() > 0.9 and right[0].max() < 0.05
    mirrored = folder.crop(wide, 32, 1.0, 0.0, 0.5, mirror=True)
    assert torch.equal(mirrored, left.flip(-1))


def test_pictures_are_upright_and_on_white(tmp_path: Path) -> None:
    """A camera's rotation is undone; what is transparent becomes white."""
    turned = Image.new("RGB", (60, 30), "white")
    turned.paste("black", (0, 0, 20, 30))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    turned.save(tmp_path / "turned.png", exif=exif)
    pixels = folder.read(tmp_path / "turned.png", 30)
    assert pixels.shape == (3, 60, 30)
    assert pixels[:, :15].max() < 30 and pixels[:, 45:].min() > 225
    Image.new("RGBA", (40, 40), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert folder.read(tmp_path / "clear.png", 40).min() == 255


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no picture"):
        folder.load(tmp_path, 32)
