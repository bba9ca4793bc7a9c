"""Distributions of guided images beside the exact ones, as the table of benchmarks.posterior."""

import pytest
import torch

from benchmarks.posterior import (
    LOSSES,
    SAMPLERS,
    GaussianWorld,
    Method,
    Settings,
    error,
    measured,
    methods,
    sampled,
)
from guided.diffusion.samplers import DDIM, DDPM
from guided.errors import BadInput

ROWS = {method.name: method for method in methods()}
COUNT = 1500
NOISE = 4 / COUNT**0.5  # four standard errors of a mean


def drawn(name: str, loss: str, steps: int = 60, spread: float = 10.0, sampler=None):
    world = GaussianWorld.usual(spread)
    images = sampled(world, loss, ROWS[name], sampler or DDIM(eta=1), steps, COUNT)
    return world, measured(world, loss, images)


def test_the_guided_distribution_is_the_images_times_the_likelihood() -> None:
    """By weighted samples, which know nothing of the formulas."""
    world = GaussianWorld.usual()
    world.weight = 1.0
    draws = torch.randn(200_000, 48, generator=torch.Generator().manual_seed(2)).double()
    images = world.mean + world.variances.sqrt() * draws
    for loss in LOSSES:
        weights = (-world.loss(loss, images @ world.a)).softmax(0)
        mean, covariance = world.guided(loss)
        found = weights @ images
        assert (found - mean).abs().max() < 0.03
        variance = weights @ ((images - found) @ world.a).square()
        assert float(variance) == pytest.approx(float(world.a @ covariance @ world.a), rel=0.03)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("sampler", [DDIM(eta=1), DDPM()], ids=["ddim", "ddpm"])
def test_with_the_likelihood_of_noisy_images_the_mean_is_right(loss: str, sampler) -> None:
    _, row = drawn("exact", loss, sampler=sampler)
    assert abs(row.mean) < NOISE


def test_more_steps_bring_the_variance_nearer() -> None:
    errors = [abs(1 - drawn("exact", "distance", steps)[1].spread) for steps in (30, 120)]
    assert errors[1] < errors[0] / 2


def test_dps_is_exact_for_a_linear_loss_and_too_strong_for_a_distance() -> None:
    """The likelihood of noisy images is that of their prediction only for a linear loss."""
    assert abs(drawn("dps", "similarity")[1].mean) < NOISE
    _, row = drawn("dps", "distance")
    assert row.mean > 3 * NOISE and row.variance < 0.8


def test_mpgd_is_dps_where_all_pixels_have_the_variance_one_and_elsewhere_not() -> None:
    for loss in LOSSES:
        white, through = (drawn(name, loss, spread=1)[1] for name in ("mpgd", "dps"))
        assert abs(white.mean - through.mean) < 1e-6
        assert abs(white.variance - through.variance) < 1e-6
    assert drawn("mpgd", "similarity")[1].mean > 0.5


def test_noisy_samples_make_up_for_what_dps_leaves_out_of_white_images() -> None:
    """The noise that they have is what is unknown about the clean image."""
    _, without = drawn("dps", "distance", spread=1)
    _, row = drawn("lgd", "distance", spread=1)
    assert abs(row.mean) < abs(without.mean) / 2


@pytest.mark.parametrize("name", ["freedom", "dsg"])
def test_a_strength_without_unit_moves_the_mean_the_further_the_larger(name: str) -> None:
    world, method, found = GaussianWorld.usual(), ROWS[name], []
    for strength in (0.02, 0.1, 0.3):
        chosen: Method = method.at(strength)
        images = sampled(world, "similarity", chosen, DDIM(eta=1), 30, 400)
        found.append(error(world, "similarity", images))
    assert found == sorted(found)


@pytest.mark.parametrize("wrong", [{"sampler": "dd"}, {"steps": 1}, {"count": 0}])
def test_what_is_out_of_range_is_named(wrong: dict) -> None:
    with pytest.raises(BadInput, match=next(iter(wrong))):
        Settings(**wrong).check()
    Settings(sampler=next(iter(SAMPLERS))).check()
