"""Finished pictures: formats, sizes and the settings inside."""

from dataclasses import replace

import pytest
import torch
from PIL import Image

from guided.outputs.still import Still
from guided.runs import metadata, record
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


@pytest.mark.parametrize(
    ("format", "suffix"),
    [("webp", "webp"), ("jpeg", "jpg"), ("jpg", "jpg"), ("avif", "avif")],
)
def test_still_in_other_formats_holds_its_settings_too(run, format, suffix):
    run.settings["words"] = ["prompt=x"]  # without those of the run (guided.batch.planning)
    watch(Still(format=format), run, all_frames())
    read = record.read(run.folder / f"image_0001.{suffix}")
    assert (read["seed"], read["count"]) == (10, 1)
    assert read["words"] == ["prompt=x", "seed=10"]


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"format": "gif"}, "format=gif is not one of png, webp, avif, jpeg"),
        ({"quality": 80}, "quality=80 is for webp, avif, jpeg"),
        ({"sharpen": 4}, "sharpen=4 must be a number from 0 to 3; the nearest is 3"),
        ({"dpi": 0}, "dpi=0 must be a whole number from 1 to 10000; the nearest is 1"),
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


@pytest.mark.parametrize("format", ["png", "webp", "avif", "jpeg"])
def test_the_resolution_for_print_is_where_other_programs_read_it(run, format):
    """Pillow reads it of PNG (pHYs) and JPEG (JFIF), and of every EXIF."""
    watch(Still(format=format, dpi=300), run, all_frames())
    path = next(run.folder.glob("image_0001.*"))
    with Image.open(path) as image:
        if format in ("png", "jpeg"):
            assert image.info["dpi"] == pytest.approx((300, 300), abs=0.01)
        if format != "png":
            exif = image.getexif()
            assert (exif[0x011A], exif[0x011B], exif[0x0128]) == (300, 300, 2)
            assert "Seed: 10" in metadata.texts(path)["UserComment"]
    assert record.read(path)["seed"] == 10


def test_sharpening_raises_the_contrast_of_edges_and_leaves_flat_parts(run):
    edge = torch.full((1, 3, 8, 16), 0.3)
    edge[..., 8:] = 0.6
    pictures = []
    for amount in (0, 1):
        one = all_frames()[3]
        one.image = edge
        watch(Still(sharpen=amount), run, [one])
        with Image.open(run.folder / "image_0000.png") as image:
            pictures.append([image.getpixel((x, 4))[0] for x in range(16)])
    plain, sharp = pictures
    assert sharp[:4] == plain[:4] and sharp[12:] == plain[12:]
    assert sharp[7] < plain[7] and sharp[8] > plain[8]


def test_upscaling_comes_beside_enlarging(run):
    run.upscale = 4
    watch(Still(enlarge=2), run, all_frames())
    with Image.open(run.folder / "image_0000.png") as image:
        assert image.size == (6 * 8, 4 * 8)
        assert "Size: 48x32, Drawn at: 6x4, " in image.text["parameters"]


def test_a_picture_that_was_drawn_again_is_kept_and_not_the_small_one(run):
    run.upscale = 2
    frame = all_frames()[3]
    frame.larger = torch.zeros(1, 3, 8, 12)
    watch(Still(enlarge=3), run, [frame])
    with Image.open(run.folder / "image_0000.png") as image:
        assert image.size == (12 * 3, 8 * 3)
        assert image.getpixel((0, 0)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("enlarge", "upscale", "words"),
    [
        (16, 1, "enlarge=16 makes a picture of 131072x131072 pixels, .* nearest is enlarge=2"),
        (2, 4, "makes a picture of 65536x65536 pixels, .* not even upscale=4 fits"),
    ],
)
def test_more_pixels_than_can_be_made_are_refused_before_drawing(enlarge, upscale, words):
    Still(enlarge=2).check((8192, 8192))
    with pytest.raises(ValueError, match=words):
        Still(enlarge=enlarge).check((8192, 8192), upscale)


def test_a_manner_of_drawing_is_given_to_the_enlarged_picture(run):
    frames = [replace(frame, manner="neon") for frame in all_frames()]
    watch(Still(enlarge=8), run, frames)
    path = run.folder / "image_0001.png"
    with Image.open(path) as image:
        assert image.size == (48, 32)
        assert max(image.getpixel((1, 1))) < 60  # all white before
    assert record.read(path)["rendered"] == "neon"
