"""Pictures of every kind become upright RGB; what is none is refused by name."""

import random

import numpy as np
import pytest
import torch
from PIL import Image

from guided.errors import BadInput
from guided.images import check_picture, masked_box, open_picture, read_picture, rgb

CAMERA_TURNED = 6  # EXIF: to be turned clockwise by a quarter


def saved(picture: Image.Image, path, **how) -> str:
    picture.save(path, **how)
    return str(path)


def test_a_photo_is_turned_as_its_camera_says(tmp_path):
    picture = Image.new("RGB", (40, 20), "red")
    picture.paste("blue", (0, 0, 20, 20))  # left in the file, so on top when it is turned
    exif = Image.Exif()
    exif[0x0112] = CAMERA_TURNED
    read = open_picture("init", saved(picture, tmp_path / "turned.jpg", exif=exif, quality=95))
    assert read.size == (20, 40)
    top, bottom = read.getpixel((10, 5)), read.getpixel((10, 35))
    assert top[2] > 200 > 60 > top[0]
    assert bottom[0] > 200 > 60 > bottom[2]


def test_a_picture_has_nothing_of_its_file_but_pixels(tmp_path):
    path = saved(Image.new("LAB", (4, 4), (128, 140, 120)), tmp_path / "lab.tiff", dpi=(72, 72))
    assert open_picture("init", path).info == {}  # nor a profile, which has the time in it


def test_what_is_transparent_is_white(tmp_path):
    picture = Image.new("RGBA", (2, 1), (255, 0, 0, 0))
    picture.putpixel((1, 0), (0, 0, 0, 128))
    clear, half = read_picture(saved(picture, tmp_path / "a.png"))[0].permute(2, 1, 0)
    assert torch.equal(clear[0], torch.ones(3))
    assert half[0].tolist() == pytest.approx([127 / 255] * 3, abs=1 / 255)
    palette = picture.convert("P")
    palette.info["transparency"] = palette.getpixel((0, 0))
    path = saved(palette, tmp_path / "p.png", transparency=palette.getpixel((0, 0)))
    assert open_picture("init", path).getpixel((0, 0)) == (255, 255, 255)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_keeps_its_colours(mode, tmp_path):
    gray = Image.new("L", (8, 4), 64)
    if mode == "I;16":
        gray = Image.new(mode, (8, 4), 64 * 257)
    elif mode == "1":
        gray = Image.new("1", (8, 4), 1)
    else:
        gray = gray.convert(mode)
    path = saved(gray, tmp_path / ("x.tiff" if mode == "CMYK" else "x.png"))
    image = read_picture(path)
    assert image.shape == (1, 3, 4, 8)
    level = 1.0 if mode == "1" else 64 / 255
    assert torch.allclose(image, torch.full_like(image, level), atol=1.5 / 255)


def test_rows_are_the_height_and_red_is_first(tmp_path):
    picture = Image.new("RGB", (3, 2))
    picture.putpixel((2, 1), (255, 0, 51))
    image = read_picture(saved(picture, tmp_path / "x.png"))
    assert image[0, :, 1, 2].tolist() == pytest.approx([1, 0, 0.2])
    assert image.sum().item() == pytest.approx(1.2)


def test_of_an_animation_the_first_frame_is_taken(tmp_path):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    path = saved(frames[0], tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert open_picture("init", path).getpixel((0, 0)) == (255, 0, 0)


def test_what_is_no_picture_is_refused_by_name(tmp_path):
    (tmp_path / "text.png").write_text("not at all")
    (tmp_path / "script.eps").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    whole = tmp_path / "whole.png"
    Image.effect_noise((64, 64), 50).save(whole)
    (tmp_path / "half.png").write_bytes(whole.read_bytes()[:800])
    for name, words in (
        ("none.png", "is not there"),
        (".", "is a folder"),
        ("text.png", "is no picture"),
        ("script.eps", "is no picture"),  # would be run by Ghostscript
        ("half.png", "cannot be read"),
    ):
        with pytest.raises(BadInput, match=words) as caught:
            check_picture("init", str(tmp_path / name))
        assert str(caught.value).startswith(f"init={tmp_path}")
        assert "\n" not in str(caught.value)
    with pytest.raises(BadInput, match="is a link"):
        check_picture("init", "https://example.org/a.png")


# ---- more than 8 bits ----------------------------------------------------------------------

RAMP = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)


@pytest.mark.parametrize(
    "levels",
    [
        RAMP,
        RAMP * 255,
        (RAMP * 255).round().astype(np.int32),
        (RAMP * 65535).round().astype(np.int32),
        (RAMP * 65535).round().astype(np.uint16),
    ],
    ids=["floats to 1", "floats to 255", "32 bits to 255", "32 bits to 65535", "16 bits"],
)
def test_levels_of_more_bits_are_greys(levels, tmp_path):
    image = read_picture(saved(Image.fromarray(levels), tmp_path / "depth.tiff"))
    expected = torch.from_numpy(RAMP).expand(1, 3, 8, 8)
    assert torch.allclose(image, expected, atol=1.001 / 255)


@pytest.mark.parametrize(
    "levels",
    [RAMP - 0.5, RAMP * 1000, np.where(RAMP > 0.5, np.nan, RAMP), (RAMP * 1e9).astype(np.int32)],
    ids=["negative", "metres", "not a number", "above 16 bits"],
)
def test_levels_of_no_known_range_are_refused(levels, tmp_path):
    path = saved(Image.fromarray(levels.astype(levels.dtype)), tmp_path / "depth.tiff")
    with pytest.raises(BadInput, match=r"depth.tiff.*its levels are from .* floats must be"):
        open_picture("init", path)


def test_what_pillow_lacks_names_what_to_save(tmp_path):
    for name, begins in (
        ("x.heic", b"\0\0\0\x18ftypheic"),
        ("x.exr", b"v/1\1"),
        ("x.svg", b"<svg"),
    ):
        (tmp_path / name).write_bytes(begins + b"x" * 200)
        with pytest.raises(BadInput, match=rf"{name} is no picture.*save it as PNG or JPEG"):
            open_picture("init", str(tmp_path / name))


@pytest.mark.parametrize("kind", ["avif", "png", "tiff", "webp", "gif", "jpg"])
def test_a_damaged_picture_is_refused_and_nothing_is_printed(kind, tmp_path, recwarn):
    whole = tmp_path / f"whole.{kind}"
    try:
        Image.effect_noise((32, 32), 50).convert("RGB").save(whole)
    except (KeyError, OSError, ValueError):
        pytest.skip("Pillow was built without it")
    content, dice = whole.read_bytes(), random.Random(kind)
    refused = 0
    for _ in range(60):
        damaged = bytearray(content)
        for _ in range(dice.choice([1, 4, 30])):
            damaged[dice.randrange(dice.choice([60, 300, len(content)]))] = dice.randrange(256)
        (tmp_path / "damaged").write_bytes(damaged[: dice.choice([len(content), 200])])
        try:
            open_picture("init", str(tmp_path / "damaged"))
        except BadInput as error:
            refused += 1
            assert "damaged" in str(error) and "\n" not in str(error)
    assert refused > 10 and not recwarn.list


def test_a_damaged_picture_is_refused_without_pythons_words(tmp_path):
    path = tmp_path / "a.ppm"
    path.write_bytes(b"P6\n9 7\n\0\0\0\x00255\n" + bytes(189))
    with pytest.raises(BadInput, match=r"cannot be read as a picture|is no picture") as caught:
        open_picture("init", str(path))
    assert "int()" not in str(caught.value) and "literal" not in str(caught.value)


@pytest.mark.parametrize("colour", ["#12345", "123456", "#12345g", "#1234567", "red", ""])
def test_only_six_hexadecimal_digits_are_a_colour(colour):
    assert rgb(colour) is None
    assert rgb("#0080ff") == (0, 128 / 255, 1)


def test_the_box_around_what_is_drawn():
    mask = torch.zeros(1, 1, 6, 9)
    mask[..., 2, 3] = mask[..., 4, 7] = 0.1
    assert masked_box(mask) == (3, 2, 8, 5)
