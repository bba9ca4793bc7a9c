"""The palette guide: distances by hand, gradients by differences, and where it leads."""

import pytest
import torch
from torch import Tensor

from guided.guides.palette import Palette, distance
from guided.interfaces import Scene
from guided.rng import RandomStreams
from tests.doubles import numerical, relative

SCENE = Scene(prompts=[], clips={}, cutouts=None, device=torch.device("cpu"))


def pixels(*colours: tuple[float, float, float]) -> Tensor:
    """(1, 3, 1, N)"""
    return torch.tensor(colours, dtype=torch.float64).T[None, :, None]


def test_a_pixel_is_as_far_off_as_the_nearest_colour() -> None:
    colours = torch.tensor([[-1.0, -1, -1], [1, 1, 1]])
    image = pixels((-1, -1, -1), (1, 1, 0.4), (-0.9, -1, -1))
    assert distance(colours, False)(image).item() == pytest.approx((0.36 + 0.01) / 9)


def test_between_two_colours_is_as_good_as_one_of_them() -> None:
    colours = torch.tensor([[-1.0, -1, -1], [1, 1, 1]])
    grey = pixels((0, 0, 0), (0.5, 0.5, 0.5), (-1, -1, -1))
    assert distance(colours, True)(grey).item() == pytest.approx(0)
    beyond = pixels((1.3, 1, 1))  # behind the end of the line
    assert distance(colours, True)(beyond).item() == pytest.approx(0.09 / 3)
    red = pixels((1, -1, -1))  # the foot on the line is at -1/3
    expected = ((4 / 3) ** 2 + 2 * (2 / 3) ** 2) / 3
    assert distance(colours, True)(red).item() == pytest.approx(expected)


def test_one_colour_or_the_same_twice_is_a_point() -> None:
    image = pixels((0.5, 0, 0))
    for colours in ([[0.0, 0, 0]], [[0.0, 0, 0], [0.0, 0, 0]]):
        assert distance(torch.tensor(colours), True)(image).item() == pytest.approx(0.25 / 3)


@pytest.mark.parametrize("between", [True, False])
def test_the_gradient_is_that_of_the_loss(between: bool) -> None:
    guide = Palette(["#102030", "#c04010", "#f0e0d0"], between, 10.0).prepare(SCENE)
    image = torch.rand(2, 3, 3, 2, generator=torch.Generator().manual_seed(2)).double()
    rng = RandomStreams([0, 0])
    expected = numerical(lambda x: guide(x, 0.5, rng).loss.sum(), image)
    assert relative(guide(image, 0.5, rng).grad, expected) < 1e-5


def test_following_it_leads_to_the_colours() -> None:
    guide = Palette(["#000000", "#c8102e", "#fffaf0"], False, 1.0).prepare(SCENE)
    image = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3))
    for _ in range(60):
        image = image - 8 * guide(image, 0.5, RandomStreams([0])).grad
    found = {tuple(pixel) for pixel in (image[0].flatten(1).T * 255).round().int().tolist()}
    assert found <= {(0, 0, 0), (200, 16, 46), (255, 250, 240)}


@pytest.mark.parametrize("colours", [["red"], ["#12345"], ["#1234567"], ["000000"], []])
def test_what_is_no_colour_is_refused(colours: list[str]) -> None:
    with pytest.raises(ValueError, match="colours="):
        Palette(colours)
