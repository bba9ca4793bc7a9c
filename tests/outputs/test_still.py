"""Finished pictures: formats, sizes and the settings inside."""

import pytest
from PIL import Image

from guided.outputs.still import Still
from guided.runs import record
from tests.outputs.frames import all_frames, watch


def test_still_keeps_the_last_frame_of_each_image_with_its_own_seed(run):
    watch(Still(enlarge=2), run, all_frames())
    assert sorted(path.name for path in run.folder.iterdir()) == [
        "image_0000.png",
        "image_0001.png",
    ]
    with Image.open(run.folder / "image_0001.png") as image:
        assert image.size == (12, 8)
        assert image.getpixel((0, 0)) == (255, 255, 255)
        assert "Seed: 10" in image.text["parameters"]


@pytest.mark.parametrize(("format", "suffix"), [("webp", "webp"), ("jpeg", "jpg"), ("jpg", "jpg")])
def test_still_in_other_formats_holds_its_settings_too(run, format, suffix):
    run.settings["words"] = ["prompt=x"]  # without those of the run (guided.batch.planning)
    watch(Still(format=format), run, all_frames())
    read = record.read(run.folder / f"image_0001.{suffix}")
    assert (read["seed"], read["count"]) == (10, 1)
    assert read["words"] == ["prompt=x", "seed=10"]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"format": "gif"}, "format=gif is not one of png, webp, jpeg"),
        ({"quality": 80}, "quality=80 is for webp and jpeg"),
        ({"format": "webp", "quality": 101}, "quality=101"),
    ],
)
def test_still_formats_are_checked(settings, part):
    with pytest.raises(ValueError, match=part):
        Still(**settings)


def test_a_picture_too_large_for_its_format_is_told_before_it_is_drawn():
    Still(format="png", enlarge=16).check((8192, 64))
    Still(format="webp", enlarge=2).check((8191, 64))
    with pytest.raises(ValueError, match="16383 pixels"):
        Still(format="webp", enlarge=2).check((8192, 64))


@pytest.mark.parametrize(
    ("drawn", "saved"),
    [((32, 32), (512, 512)), ((96, 32), (1536, 512)), ((48, 64), (528, 704)),
     ((512, 768), (512, 768)), ((16, 16), (256, 256))],
)  # fmt: skip
def test_auto_enlarges_until_the_shorter_side_has_512_pixels_but_16_times_at_most(drawn, saved):
    times = Still(enlarge="auto").times(drawn)
    assert (drawn[0] * times, drawn[1] * times) == saved
