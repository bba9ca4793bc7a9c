"""Bases of pictures: their scale, their inverse, and which details they leave out."""

from itertools import pairwise

import pytest
import torch

from guided.generators.pixels.basis import Basis, Colours, basis
from guided.generators.pixels.settings import NAMES

SIZES = [(8, 8), (7, 5), (6, 9), (1, 4), (1, 1), (33, 16)]


def made(name: str, size: tuple[int, int], decay: float = 1.5) -> Basis:
    return basis(name, size, decay, 2.0)


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_coefficients_are_those_of_the_picture(name: str, size: tuple[int, int]) -> None:
    space = made(name, size)
    picture = torch.randn(3, size[1], size[0], generator=torch.Generator().manual_seed(1))
    values = space.coefficients(picture)
    assert values.shape == (space.count,)
    assert torch.allclose(space.picture(values), picture, atol=1e-4)


@pytest.mark.parametrize("decay", [0.0, 1.0, 2.5])
def test_the_mean_square_of_a_random_fourier_picture_is_one(decay: float) -> None:
    """Of the linear map, exactly: the sum of squares of its matrix."""
    space = made("fourier", (6, 5), decay)
    columns = [space.picture(unit) for unit in torch.eye(space.count)]
    assert float(torch.stack(columns).square().sum()) / (3 * 30) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_map_is_linear(name: str) -> None:
    space = made(name, (7, 5))
    a, b = torch.randn(2, space.count, generator=torch.Generator().manual_seed(1))
    mixed = space.picture(2 * a - b)
    assert torch.allclose(mixed, 2 * space.picture(a) - space.picture(b), atol=1e-5)


def test_coefficients_up_to_a_detail_hold_no_higher_frequency() -> None:
    space = made("fourier", (32, 32))
    values = torch.randn(space.count, generator=torch.Generator().manual_seed(1))
    spectrum = torch.fft.fft2(space.picture(values * space.up_to(0.25))).abs().sum(0)
    frequency = torch.hypot(torch.fft.fftfreq(32)[:, None], torch.fft.fftfreq(32)[None])
    assert spectrum[frequency > 0.125 + 1e-6].max() < 1e-3
    assert spectrum[frequency <= 0.125].min() > 1e-3


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_more_detail_is_more_coefficients_from_some_to_all(name: str, size) -> None:
    space = made(name, size)
    masks = [space.up_to(detail) for detail in (0.0, 0.3, 0.7, 1.0)]
    assert masks[0].any() and masks[-1].all()
    assert all((fine | ~coarse).all() for coarse, fine in pairwise(masks))


def test_colours_are_separated_and_mixed_again() -> None:
    colours = Colours(2.0)
    picture = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(colours.mixed(colours.separated(picture)), picture, atol=1e-5)
    grey = colours.separated(torch.ones(3, 1, 1))
    assert grey[1:].abs().max() < 1e-5 and grey[0] > 0  # lightness is an axis of its own
    assert float(colours.matrix.square().sum()) == pytest.approx(3, rel=1e-5)
