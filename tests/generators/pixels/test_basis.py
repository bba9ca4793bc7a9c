"""Bases of pictures: their scale, their inverse, and which details they leave out."""

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
    assert torch.allclose(space.picture(values, 1.0), picture, atol=1e-4)


@pytest.mark.parametrize("decay", [0.0, 1.0, 2.5])
def test_the_mean_square_of_a_random_fourier_picture_is_one(decay: float) -> None:
    """Of the linear map, exactly: the sum of squares of its matrix."""
    space = made("fourier", (6, 5), decay)
    columns = [space.picture(unit, 1.0) for unit in torch.eye(space.count)]
    assert float(torch.stack(columns).square().sum()) / (3 * 30) == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_a_map_is_linear(name: str) -> None:
    space = made(name, (7, 5))
    a, b = torch.randn(2, space.count, generator=torch.Generator().manual_seed(1))
    mixed = space.picture(2 * a - b, 1.0)
    assert torch.allclose(mixed, 2 * space.picture(a, 1.0) - space.picture(b, 1.0), atol=1e-5)


def test_detail_leaves_out_the_frequencies_above_it() -> None:
    space = made("fourier", (32, 32))
    values = torch.randn(space.count, generator=torch.Generator().manual_seed(1))
    spectrum = torch.fft.fft2(space.picture(values, 0.25)).abs().sum(0)
    frequency = torch.hypot(torch.fft.fftfreq(32)[:, None], torch.fft.fftfreq(32)[None])
    assert spectrum[frequency > 0.125 + 1e-6].max() < 1e-3
    assert spectrum[frequency <= 0.125].min() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_without_detail_only_the_coarsest_is_left(name: str) -> None:
    space = made(name, (16, 16))
    values = torch.randn(space.count, generator=torch.Generator().manual_seed(1))
    coarse = space.picture(values, 0.0)
    assert coarse.square().sum() > 0
    assert (coarse[:, 1:] - coarse[:, :-1]).abs().max() < 0.5 * (
        space.picture(values, 1.0)[:, 1:] - space.picture(values, 1.0)[:, :-1]
    ).abs().max()


def test_colours_are_separated_and_mixed_again() -> None:
    colours = Colours(2.0)
    picture = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1))
    assert torch.allclose(colours.mixed(colours.separated(picture)), picture, atol=1e-5)
    grey = colours.separated(torch.ones(3, 1, 1))
    assert grey[1:].abs().max() < 1e-5 and grey[0] > 0  # lightness is an axis of its own
    assert float(colours.matrix.square().sum()) == pytest.approx(3, rel=1e-5)
