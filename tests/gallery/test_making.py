"""What is told of one picture."""

import pytest
from PIL import Image

from guided.gallery.making import Making, flat
from guided.outputs.sheet import Sheet, SheetViewer, with_tile
from tests.gallery.batches import save, save_steps


def test_settings_are_spelt_as_one_types_them():
    settings = {"prompt": "a", "guide": {"clip": {"scale": 2000}, "none": {}}, "size": [3, 4]}
    assert list(flat(settings)) == [
        ("prompt", "a"),
        ("guide.clip.scale", 2000),
        ("guide.none", {}),
        ("size", [3, 4]),
    ]


def test_the_steps_come_in_order_and_to_their_picture(tmp_path):
    save(tmp_path, 0)
    for number, steps in ((0, [100, 20, 3]), (10, [5])):
        save_steps(tmp_path, number, steps)
    (tmp_path / "steps" / "notes.txt").touch()
    making = Making.read(tmp_path)
    detail = making.details(0, tmp_path / "image_0000.png", (96, 64), {})
    assert detail["steps"] == [(k, f"steps/0000_{k:04d}.png") for k in (3, 20, 100)]
    assert ["guide.clip.scale", "2000"] in detail["settings"]
    assert making.latest(0) == "steps/0000_0100.png"
    assert making.latest(1) is None


@pytest.mark.parametrize("size", [(96, 64), (1280, 768), (500, 777), (64, 64), (3000, 20)])
@pytest.mark.parametrize("columns", [2, 3, 8, 100])
def test_a_strip_of_the_sheet_is_taken_apart_where_it_was_put_together(tmp_path, size, columns):
    """Each tile is of a grey of its own."""
    picture = Image.new("RGB", size)
    picture.save(tmp_path / "image_0000.png")
    viewer = SheetViewer(Sheet(columns=columns, height=32), tmp_path)
    strip = None
    for k in range(columns):
        strip = with_tile(strip, viewer._small(Image.new("RGB", size, (k, k, k))), k)
    (tmp_path / "strips").mkdir()
    strip.save(tmp_path / "strips" / "0000.png")
    found = Making.read(tmp_path).strip(0, size, 2 * columns)
    assert found["at"] == list(range(2, 2 * columns + 1, 2))
    for k in range(columns):
        left = found["gap"] + k * (found["width"] + found["gap"])
        box = (left, found["gap"], left + found["width"], found["gap"] + found["height"])
        assert strip.crop(box).getextrema() == ((k, k),) * 3


@pytest.mark.parametrize("broken", [None, b"", b"not a picture"])
def test_a_strip_that_cannot_be_read_is_none(tmp_path, broken):
    (tmp_path / "strips").mkdir()
    if broken is not None:
        (tmp_path / "strips" / "0000.png").write_bytes(broken)
    assert Making.read(tmp_path).strip(0, (96, 64), 40) is None
