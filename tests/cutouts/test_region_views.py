"""Regions of an image: what they show, and the gradient that goes back from it."""

import pytest
import torch
from PIL import Image, ImageDraw

from guided.cutouts.region_views import RegionView
from guided.errors import BadInput
from guided.prompts.regions import Region


def image(width: int = 12, height: int = 8) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(2, 3, height, width, generator=generator, dtype=torch.float64)


@pytest.fixture
def mask(tmp_path):
    """A file that is white in columns 2 to 5 and rows 1 to 6, but for one pixel."""
    picture = Image.new("L", (12, 8), 0)
    ImageDraw.Draw(picture).rectangle((2, 1, 5, 6), fill=255)
    picture.putpixel((3, 3), 0)
    picture.save(tmp_path / "mask.png")
    return str(tmp_path / "mask.png")


def test_a_box_shows_its_pixels():
    view = RegionView.of(Region(box=(0.25, 0.5, 1, 1)), (12, 8))
    assert torch.equal(view(image()), image()[:, :, 4:, 3:])
    assert view.pixels == 36 and view.box == (3, 4, 12, 8)


def test_a_mask_is_cropped_to_what_is_white_and_the_rest_has_the_mean_colour(mask):
    view, whole = RegionView.of(Region(mask=mask), (12, 8)), image()
    assert view.box == (2, 1, 6, 7) and view.pixels == pytest.approx(23)
    shown, part = view(whole), whole[:, :, 1:7, 2:6]
    inside = torch.ones(6, 4, dtype=torch.bool)
    inside[2, 1] = False
    assert torch.allclose(shown[:, :, inside], part[:, :, inside])
    assert torch.allclose(shown[:, :, 2, 1], part[:, :, inside].mean(2))


def test_the_gradient_goes_back_to_the_region_alone(mask):
    for region in (Region(box=(0.25, 0.5, 1, 1)), Region(mask=mask)):
        view, leaf = RegionView.of(region, (12, 8)), image().requires_grad_()
        shown = view(leaf)
        grad = torch.rand_like(shown)
        (expected,) = torch.autograd.grad(shown, leaf, grad)
        found = torch.zeros_like(expected)
        view.add(found, grad)
        assert torch.allclose(found, expected)
        assert 0 < (found != 0).float().mean() < 1


def test_a_mask_of_the_same_shape_has_any_size_and_others_are_refused(mask, tmp_path):
    assert RegionView.of(Region(mask=mask), (24, 16)).pixels == pytest.approx(4 * 23, rel=0.01)
    with pytest.raises(BadInput, match=r"12x8 pixels, another shape than size=\[32,32\]"):
        RegionView.of(Region(mask=mask), (32, 32))
    Image.new("L", (12, 8), 3).save(tmp_path / "black.png")
    with pytest.raises(BadInput, match="black all over: it is white where its region is"):
        RegionView.of(Region(mask=str(tmp_path / "black.png")), (12, 8))
