"""Cutouts around a mask: their centres lie in it, and the image's edges hold."""

import pytest
import torch

from guided.cutouts.places import Places
from guided.cutouts.settings import Cutouts, DiscoCutouts

FEW = {"overview": 0, "inner": 8, "power": 9, "gray": 0}


def mask(left: int, top: int, right: int, bottom: int, size=(40, 24)) -> torch.Tensor:
    whole = torch.zeros(1, 1, size[1], size[0])
    whole[:, :, top:bottom, left:right] = 1
    return whole


def test_centres_are_spread_evenly_over_the_mask():
    places, side = Places(mask(10, 8, 30, 16)), 4
    shares = [(k + 0.5) / 50 for k in range(50)]
    corners = [places.corner(across, down, side) for across in shares for down in shares]
    xs, ys = (torch.tensor(line).float() + side // 2 for line in zip(*corners, strict=True))
    assert (xs.min(), xs.max(), ys.min(), ys.max()) == (10, 29, 8, 15)
    assert abs(xs.mean() - 19.5) < 0.3 and abs(ys.mean() - 11.5) < 0.3


def test_light_parts_have_more_centres_than_dark_ones():
    grey = mask(0, 0, 40, 24) * 0.25
    grey[:, :, :, 20:] = 0.75
    xs = [Places(grey).corner((k + 0.5) / 400, 0.5, 2)[0] + 1 for k in range(400)]
    assert abs(sum(x >= 20 for x in xs) / 400 - 0.75) < 0.02


@pytest.mark.parametrize("side", [1, 7, 24])
def test_cutouts_stay_inside_the_image(side):
    for box in ((0, 0, 3, 3), (38, 22, 40, 24), (0, 0, 40, 24)):
        for share in (0.0, 0.5, 0.999999):
            left, top = Places(mask(*box)).corner(share, share, side)
            assert 0 <= left <= 40 - side and 0 <= top <= 24 - side


def test_the_middle_is_the_square_around_the_mask():
    image = torch.arange(40.0).expand(1, 3, 24, 40)
    part, places = Places(mask(30, 4, 40, 20)).middle(image)
    assert torch.equal(part, image[..., 16:]) and places.mask.shape == (1, 1, 24, 24)
    part, _ = Places(mask(10, 4, 14, 20)).middle(image)
    assert torch.equal(part, image[..., :24])


@pytest.mark.parametrize(
    "settings",
    [
        Cutouts(**FEW, smallest=0.05, augment=False),
        Cutouts(**FEW, smallest=0.05, augment=False, stratified=True),
        DiscoCutouts(**FEW, augment=False, batches=1),
    ],
)  # fmt: skip
def test_inner_cutouts_show_the_masked_part(settings):
    """Of an image that is light in a corner alone, small cutouts at random are dark, and those
    around the mask are light."""
    light = mask(0, 0, 8, 8, (64, 64))
    image = light.expand(1, 3, 64, 64).contiguous()
    means = []
    for given in (None, light):
        sampler = settings.prepare(given)
        views = [sampler(image, (4, 4), 0.5, seed).views[1:] for seed in range(8)]
        means.append(float(torch.cat(views).mean()))
    assert means[0] < 0.2 and means[1] > 0.5
