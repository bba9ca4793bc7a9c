"""Fractal noise: its range, its colours, its smoothness, and whose it is."""

import pytest
import torch

from guided.canvas.perlin import clouds, gradient_noise
from guided.rng import RandomStreams


@pytest.mark.parametrize("size", [(8, 8), (32, 32), (96, 64), (40, 72)])
@pytest.mark.parametrize("colours", ["mixed", "color", "gray", "natural"])
def test_it_fills_the_range_without_leaving_it(size, colours):
    image = clouds(size, colours, seed=3)
    assert image.shape == (1, 3, size[1], size[0])
    assert image.min() >= 0 and image.max() <= 1
    assert image.std() > 0.05
    gray = torch.equal(image[:, 0], image[:, 1]) and torch.equal(image[:, 0], image[:, 2])
    assert gray == (colours == "gray")


def test_an_images_clouds_are_its_seeds_own_and_not_its_noise():
    assert torch.equal(clouds((32, 32), "color", 5), clouds((32, 32), "color", 5))
    assert not torch.equal(clouds((32, 32), "color", 5), clouds((32, 32), "color", 6))
    noise = RandomStreams([5]).normal_like(torch.empty(1, 3, 64, 64))
    both = torch.stack([clouds((64, 64), "color", 5).flatten(), noise.flatten()])
    assert torch.corrcoef(both)[0, 1].abs() < 0.05


def test_neighbours_are_alike_and_far_pixels_are_not():
    image = clouds((128, 128), "gray", 1)[0, 0]
    image = (image - image.mean()) / image.std()
    near = (image[:, 1:] * image[:, :-1]).mean()
    far = (image[:, 64:] * image[:, :-64]).mean()
    assert near > 0.9
    assert far < 0.5


def test_gradient_noise_is_zero_at_the_corners_of_its_cells_and_has_their_slopes():
    """Perlin's defining property. Pixels lie at (k + 0.5) / 100 of a cell."""
    noise = gradient_noise((400, 400), 4, 1, torch.Generator().manual_seed(1))[0]
    slopes = torch.randn(2, 1, 5, 5, generator=torch.Generator().manual_seed(1))[:, 0]
    for row in range(1, 4):
        for column in range(1, 4):
            around = noise[100 * row - 1 : 100 * row + 1, 100 * column - 1 : 100 * column + 1]
            assert around.mean().abs() < 1e-3
            across, down = slopes[:, row, column]
            assert around.diff(dim=1).mean() == pytest.approx(across.item() / 100, abs=2e-3)
            assert around.diff(dim=0).mean() == pytest.approx(down.item() / 100, abs=2e-3)


def test_natural_noise_varies_most_in_lightness_and_in_colours_too():
    """As photographs do: their lightness varies several times as much as their colours."""
    image = torch.cat([clouds((64, 64), "natural", seed) for seed in range(8)])
    lightness = image.mean(1).std()
    colours = (image - image.mean(1, keepdim=True)).square().mean().sqrt()
    assert lightness / 8 < colours < lightness / 2
    free = torch.cat([clouds((64, 64), "color", seed) for seed in range(8)])
    correlation = torch.corrcoef(image.transpose(0, 1).flatten(1))
    assert correlation.min() > 0.5 > torch.corrcoef(free.transpose(0, 1).flatten(1))[0, 1]
