"""What a picture starts from, how it fits the canvas, and how much of the run is skipped."""

import pytest
import torch
from PIL import Image

from guided.canvas.init import Gradient, Perlin, Photo, read_init, read_skip
from guided.errors import BadInput

ANY = Photo(Image.new("RGB", (8, 8)), "cover")


def stripes() -> Image.Image:
    """Red, green and blue from left to right."""
    picture = Image.new("RGB", (120, 40), "green")
    picture.paste("red", (0, 0, 40, 40))
    picture.paste("blue", (80, 0, 120, 40))
    return picture


def test_cover_keeps_the_shape_and_cuts_the_sides_stretch_keeps_everything():
    cut, bent = (Photo(stripes(), fit).image((16, 16), 0)[0] for fit in ("cover", "stretch"))
    assert cut.shape == bent.shape == (3, 16, 16)
    assert cut[0, :, 2:-2].max() < 0.1 and cut[2, :, 2:-2].max() < 0.1  # green only
    assert bent[0, 8, 1] > 0.9 and bent[2, 8, 14] > 0.9


@pytest.mark.parametrize("size", [(64, 48), (8, 32), (200, 56)])
def test_the_image_has_the_canvas_size(size):
    for fit in ("cover", "stretch"):
        assert Photo(stripes(), fit).image(size, 0).shape == (1, 3, size[1], size[0])


def test_stretching_is_lanczos_as_in_disco_diffusion():
    picture = Image.effect_noise((50, 30), 60).convert("RGB")
    expected = picture.resize((32, 32), Image.Resampling.LANCZOS)
    image = Photo(picture, "stretch").image((32, 32), 0)
    levels = (image[0].permute(1, 2, 0) * 255).round().byte().flatten().tolist()
    assert bytes(levels) == expected.tobytes()


def test_perlin_is_another_for_each_seed_and_a_photo_is_not():
    noise = Perlin("gray")
    assert not torch.equal(noise.image((16, 16), 1), noise.image((16, 16), 2))
    photo = Photo(stripes(), "cover")
    assert torch.equal(photo.image((16, 16), 1), photo.image((16, 16), 2))


def test_what_init_says():
    assert read_init(None, "cover") is None
    assert read_init("perlin", "cover") == Perlin("mixed")
    assert read_init("perlin:gray", "cover") == Perlin("gray")
    with pytest.raises(BadInput, match=r"init=perlin:grey .* did you mean 'perlin:gray'"):
        read_init("perlin:grey", "cover")
    with pytest.raises(BadInput, match=r"init=none\.jpg: the file is not there"):
        read_init("none.jpg", "cover")
    with pytest.raises(BadInput, match="init_fit=fill is not one of cover, stretch"):
        read_init(None, "fill")


def test_a_colour_fills_the_canvas():
    image = read_init("color:#ff8000", "cover").image((5, 3), 0)
    assert image.shape == (1, 3, 3, 5)
    assert torch.equal(image.amin((2, 3)), image.amax((2, 3)))
    assert (image[0, :, 0, 0] * 255).tolist() == pytest.approx([255, 128, 0])


@pytest.mark.parametrize(
    "angle, first, last",  # (row, column) of the canvas's corners or edges
    [("", (0, 3), (5, 3)), (":90", (2, 0), (2, 7)), (":0", (5, 3), (0, 3)),
     (":135", (0, 0), (5, 7)), (":-45", (5, 7), (0, 0))],
)  # fmt: skip
def test_a_gradient_goes_where_its_angle_points_as_in_css(angle, first, last):
    """In the pixel nearest to an end is its colour, less half a pixel's share."""
    image = read_init(f"gradient:#000000-#ffffff{angle}", "cover").image((8, 6), 0)[0, 0]
    assert image[first] == image.min() and image[first] < 0.1
    assert image[last] == image.max() and image[last] > 0.9
    assert image.mean() == pytest.approx(0.5)


@pytest.mark.parametrize("angle", ["", ":90", ":30"])
def test_a_gradient_goes_there_and_back_where_edges_meet(angle):
    """A quarter of the canvas is the gradient, and the rest its mirror images."""
    text = f"gradient:#000000-#ffffff{angle}"
    image = read_init(text, "cover", (True, True)).image((16, 12), 0)
    assert torch.allclose(image[..., :6, :8], read_init(text, "cover").image((8, 6), 0))
    assert torch.allclose(image, image.flip(3)) and torch.allclose(image, image.flip(2))


def test_a_gradient_is_unchanged_along_the_axis_on_which_edges_do_not_meet():
    text = "gradient:#102040-#f0c080"
    across, plain = (read_init(text, "cover", (ring, False)) for ring in (True, False))
    assert torch.equal(across.image((8, 6), 0), plain.image((8, 6), 0))


def test_a_gradient_of_several_colours_passes_each_at_equal_distances():
    image = read_init("gradient:#ff0000-#00ff00-#0000ff", "cover").image((3, 201), 0)[0, :, :, 1]
    assert image[:, 0].argmax() == 0 and image[:, 200].argmax() == 2
    assert image[:, 100].tolist() == [0, 1, 0]
    assert image[:, 50].tolist() == pytest.approx([0.5, 0.5, 0], abs=0.01)


@pytest.mark.parametrize(
    "value, words",
    [
        ("gradient:#102040", "must be gradient:#102040-#f0c080"),
        ("gradient:#102040-red", "must be gradient:"),
        ("gradient:#102040-#f0c080:up", "must be gradient:"),
        ("gradient:#102040-#f0c080:400", "must be gradient:"),
        ("color:red", "must be color:#rrggbb"),
        ("color:#102040-#f0c080", "must be color:#rrggbb"),
        ("color", "must be color:#rrggbb"),
    ],
)
def test_what_is_no_gradient_or_colour_is_refused_with_an_example(value, words):
    with pytest.raises(BadInput, match=words):
        read_init(value, "cover")


@pytest.mark.parametrize(
    "steps, init, skip, strength, expected",
    [
        (50, ANY, 10, 0.6, 20),  # strength counts before a look's skip
        (50, None, None, None, 0),
        (50, None, 10, None, 10),  # Disco Diffusion's: from gray under noise
        (50, ANY, 10, None, 10),
        (50, ANY, "60%", None, 30),
        (50, ANY, "33.3%", None, 16),
        (50, ANY, None, None, 25),
        (50, Perlin("gray"), None, None, 10),  # less would leave no steps for an object
        (50, Perlin("mixed"), None, 0.5, 25),
        (50, Gradient(((0, 0, 0),)), None, None, 10),
        (50, ANY, None, 0.9, 5),
        (10, ANY, None, 0.7, 3),
        (50, ANY, None, 1, 0),
        (1, ANY, None, None, 0),
        (50, ANY, 0, None, 0),
    ],
)
def test_how_many_steps_are_skipped(steps, init, skip, strength, expected):
    assert read_skip(steps, init, skip, strength) == expected


@pytest.mark.parametrize(
    "init, skip, strength, words",
    [
        (None, None, 0.5, "needs a picture to start from"),
        (ANY, None, 1.5, "from 0 to 1"),
        (ANY, None, 0, "strength=0 leaves nothing to draw of steps=50"),
        (ANY, 50, None, "skip=50 leaves nothing to draw of steps=50"),
        (ANY, "100%", None, "leaves nothing"),
        (ANY, -1, None, "skip=-1 must be"),
        (ANY, 2.5, None, "skip=2.5 must be"),
        (ANY, "half", None, "skip=half must be"),
        (ANY, True, None, "skip=true must be"),
    ],
)
def test_what_cannot_be_skipped_is_refused_by_name(init, skip, strength, words):
    with pytest.raises(BadInput, match=words):
        read_skip(50, init, skip, strength)
