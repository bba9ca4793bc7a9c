"""What is told of one picture."""

import pytest
from PIL import Image

from guided.gallery.making import Making, flat, tiles
from guided.outputs.sheet import GAP
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
    making = Making.look(tmp_path)
    detail = making.of(0, tmp_path / "image_0000.png", (96, 64), {})
    assert detail["steps"] == [(k, f"steps/0000_{k:04d}.png") for k in (3, 20, 100)]
    assert ["guide.clip.scale", "2000"] in detail["settings"]
    assert making.latest(0) == "steps/0000_0100.png"
    assert making.latest(1) is None


@pytest.mark.parametrize("gap", [0, GAP])
@pytest.mark.parametrize("size", [(96, 64), (1280, 768), (500, 777), (64, 64)])
@pytest.mark.parametrize("count", [1, 3, 8])
def test_the_tiles_of_a_strip_are_found_by_the_pictures_shape(size, count, gap):
    height = 128
    width = round(size[0] * height / size[1])
    strip = (count * (width + gap) + gap, height + 2 * gap)
    assert tiles(strip, size) == (gap, width, height, count)


def test_a_strip_knows_its_steps(tmp_path):
    save(tmp_path, 0)  # whose settings say 40 steps
    (tmp_path / "strips").mkdir()
    Image.new("RGB", (8 * 48, 32)).save(tmp_path / "strips" / "0000.png")
    strip = Making.look(tmp_path).of(0, tmp_path / "image_0000.png", (96, 64), {})["strip"]
    assert strip["at"] == [5, 10, 15, 20, 25, 30, 35, 40]
    assert (strip["width"], strip["height"], strip["gap"]) == (48, 32, 0)


@pytest.mark.parametrize("broken", [b"", b"not a picture"])
def test_a_strip_that_cannot_be_read_is_none(tmp_path, broken):
    (tmp_path / "strips").mkdir()
    (tmp_path / "strips" / "0000.png").write_bytes(broken)
    assert Making.look(tmp_path).strip(0, (96, 64), 40) is None
