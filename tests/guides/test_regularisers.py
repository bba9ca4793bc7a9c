"""Total variation, range and saturation: their formulas, gradients and effects."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.guides.regularisers import (
    Range,
    Saturation,
    Smooth,
    excess,
    squared_excess,
    total_variation,
)
from guided.interfaces import Guide, Scene
from guided.rng import RandomStreams
from tests.doubles import numerical, relative

SCENE = Scene(prompts=[], clips={}, cutouts=None, device=torch.device("cpu"))
SETTINGS = {"smooth": Smooth, "range": Range, "saturation": Saturation}


def garish(height: int = 4, width: int = 5) -> Tensor:
    """Two images in [0, 1] and well out of it on both sides; nothing near the edges of it, where
    the losses have kinks."""
    image = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1)).double()
    image = 0.5 + 0.8 * image
    for edge in (0, 1):
        near = (image - edge).abs() < 1e-3
        image[near] += 0.01
    return image


def guide(name: str, scale: object = 10.0) -> Guide:
    return SETTINGS[name](scale=scale).prepare(SCENE)


def loss(chosen: Guide, image: Tensor, progress: float = 0.5) -> Tensor:
    return chosen(image, progress, RandomStreams([0] * len(image))).loss


# ---- formulas ------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(4, 5), (7, 3), (1, 6)])
def test_total_variation_is_disco_diffusions(shape: tuple[int, int]) -> None:
    """Replicated by one pixel to the right and below; the mean of dx**2 + dy**2."""
    image = 2 * garish(*shape) - 1
    padded = F.pad(image, (0, 1, 0, 1), "replicate")
    dx = padded[..., :-1, 1:] - padded[..., :-1, :-1]
    dy = padded[..., 1:, :-1] - padded[..., :-1, :-1]
    expected = (dx**2 + dy**2).mean([1, 2, 3])
    assert torch.allclose(total_variation(image), expected, rtol=1e-12)


def test_range_is_the_mean_square_and_saturation_the_mean_distance_outside() -> None:
    image = torch.zeros(2, 3, 2, 2)
    image[0, 0, 0] = torch.tensor([3.0, -1.5])  # 2 too high, 0.5 too low
    assert squared_excess(image).tolist() == pytest.approx([(4 + 0.25) / 12, 0])
    assert excess(image).tolist() == pytest.approx([(2 + 0.5) / 12, 0])


@pytest.mark.parametrize("name", SETTINGS)
def test_the_loss_is_of_the_image_in_minus_one_to_one_times_the_scale(name: str) -> None:
    formula = {"smooth": total_variation, "range": squared_excess, "saturation": excess}[name]
    assert torch.allclose(loss(guide(name, 7), garish()), 7 * formula(2 * garish() - 1))


@pytest.mark.parametrize("name", SETTINGS)
def test_the_gradient_is_the_derivative_of_the_loss(name: str) -> None:
    chosen = guide(name)
    pull = chosen(garish(), 0.5, RandomStreams([1, 2]))
    expected = numerical(lambda image: loss(chosen, image).sum(), garish())
    assert relative(pull.grad, expected) < 1e-7
    assert not pull.loss.requires_grad


@pytest.mark.parametrize("name", SETTINGS)
def test_an_image_of_a_batch_is_pulled_as_if_it_were_alone(name: str) -> None:
    both, alone = (
        guide(name)(garish(), 0, RandomStreams([1, 2])),
        guide(name)(garish()[1:], 0, RandomStreams([2])),
    )
    assert torch.allclose(both.grad[1:], alone.grad)
    assert torch.allclose(both.loss[1:], alone.loss)


# ---- effects -------------------------------------------------------------------------------


def improved(name: str, image: Tensor, rate: float) -> Tensor:
    for _ in range(20):
        image = image - rate * guide(name, 1.0)(image, 0.5, RandomStreams([1, 2])).grad
    return image


def test_smoothing_takes_noise_away_and_leaves_the_colour() -> None:
    noisy = garish(16, 16)
    smooth = improved("smooth", noisy, 20)
    assert (total_variation(smooth) < 0.1 * total_variation(noisy)).all()
    assert torch.allclose(smooth.mean((2, 3)), noisy.mean((2, 3)))


@pytest.mark.parametrize("name, rate", [("range", 2), ("saturation", 1)])
def test_range_and_saturation_bring_colours_back_and_touch_no_others(
    name: str, rate: float
) -> None:
    image = garish()
    tame = improved(name, image, rate)
    strayed = (image < 0) | (image > 1)
    distance = (image - image.clamp(0, 1)).abs()
    left = (tame - tame.clamp(0, 1)).abs()
    assert strayed.any() and not strayed.all()
    assert (left[strayed] < distance[strayed]).all()
    assert left.sum() < 0.7 * distance.sum()
    assert torch.equal(tame[~strayed], image[~strayed])


def test_saturation_counts_slight_excess_for_more_than_range_does() -> None:
    slight = torch.full((1, 3, 2, 2), 1.01, dtype=torch.float64)
    pulls = [
        guide(name, 1)(slight, 0, RandomStreams([1])).grad for name in ("saturation", "range")
    ]
    assert (pulls[0] > 10 * pulls[1]).all() and (pulls[1] > 0).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_a_perfect_image_is_left_alone(name: str) -> None:
    flat = torch.full((2, 3, 4, 4), 0.3)
    assert not guide(name)(flat, 0.5, RandomStreams([1, 2])).grad.any()


# ---- scale ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SETTINGS)
def test_the_scale_is_a_schedule(name: str) -> None:
    chosen = guide(name, [[0, 0], [0.5, 2], [0.8, 6]])
    early, middle, late = (chosen(garish(), p, RandomStreams([1, 2])) for p in (0.49, 0.5, 0.9))
    assert not early.grad.any() and not early.loss.any()
    assert middle.grad.any()
    assert torch.allclose(late.grad, 3 * middle.grad)
    assert torch.allclose(late.loss, 3 * middle.loss)


@pytest.mark.parametrize("settings", SETTINGS.values())
def test_a_negative_scale_is_refused_by_name(settings: type) -> None:
    with pytest.raises(ValueError, match="scale=-1"):
        settings(scale=-1)
