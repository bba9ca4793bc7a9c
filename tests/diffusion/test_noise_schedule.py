"""Timelines against guided-diffusion's respacing, and random numbers per image."""

import math

import pytest
import torch
from guided_diffusion.gaussian_diffusion import (
    LossType,
    ModelMeanType,
    ModelVarType,
    get_named_beta_schedule,
)
from guided_diffusion.respace import SpacedDiffusion, space_timesteps

from guided.diffusion.noise_schedule import betas, ddim_spacing, even_spacing, timeline
from guided.diffusion.parametrisation import flow

# 2 .. 1000 and beyond; many that do not divide 1000.
COUNTS = [2, 3, 7, 10, 21, 25, 48, 99, 150, 240, 250, 333, 499, 501, 640, 777, 999, 1000, 1500]


def disco_total(steps: int) -> int:
    """Disco Diffusion's diffusion_steps."""
    return (1000 // steps) * steps if steps < 1000 else steps


def spaced(schedule: str, total: int, respacing: str) -> SpacedDiffusion:
    return SpacedDiffusion(
        use_timesteps=space_timesteps(total, respacing),
        betas=get_named_beta_schedule(schedule, total),
        model_mean_type=ModelMeanType.EPSILON,
        model_var_type=ModelVarType.FIXED_LARGE,
        loss_type=LossType.MSE,
        rescale_timesteps=True,
    )


def told_times(diffusion: SpacedDiffusion) -> list[float]:
    """The times that the oracle tells a network."""
    wrapped = diffusion._wrap_model(lambda x, t: t)
    return wrapped(None, torch.arange(diffusion.num_timesteps)).tolist()


def agree(ours, oracle: SpacedDiffusion) -> None:
    assert len(ours) == oracle.num_timesteps
    assert list(ours.times) == pytest.approx(told_times(oracle), rel=1e-6)  # theirs is float32
    assert list(ours.alpha_bar) == pytest.approx(oracle.alphas_cumprod.tolist(), rel=1e-10)


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", COUNTS)
def test_ddim_timeline_is_the_oracles(schedule: str, steps: int) -> None:
    total = disco_total(steps)
    agree(timeline(schedule, steps, "ddim"), spaced(schedule, total, f"ddim{steps}"))


@pytest.mark.parametrize("schedule", ["linear", "cosine"])
@pytest.mark.parametrize("steps", COUNTS)
def test_even_timeline_is_the_oracles(schedule: str, steps: int) -> None:
    agree(timeline(schedule, steps, "even"), spaced(schedule, max(1000, steps), str(steps)))


def test_even_spacing_is_the_oracles_for_every_count() -> None:
    wrong = [
        n for n in range(1, 1001) if even_spacing(1000, n) != sorted(space_timesteps(1000, str(n)))
    ]
    assert wrong == []


def test_ddim_spacing_is_the_oracles_for_every_count() -> None:
    for n in range(2, 1001):
        total = disco_total(n)
        assert ddim_spacing(total, n) == sorted(space_timesteps(total, f"ddim{n}")), n


def test_disco_diffusion_with_250_steps_of_which_10_are_skipped() -> None:
    """Figures that Disco Diffusion itself shows."""
    line = timeline("linear", 250)
    run = [line.times[i] for i in range(250 - 10 - 1, -1, -1)]
    assert len(run) == 240 and run[0] == 956
    assert line.alpha_bar[239] == pytest.approx(9.44588e-05, rel=1e-5)
    index = [round(line.progress(i) * 1000) for i in range(239, -1, -1)]
    assert index[0] == 43 and index[-1] == 999
    assert sum(k < 400 for k in index) == 90


@pytest.mark.parametrize(
    "steps, i, t", [(240, 229, 954.1667), (25, 24, 960), (1500, 1499, 999.33)]
)
def test_networks_are_told_rescaled_times(steps: int, i: int, t: float) -> None:
    assert timeline("linear", steps).times[i] == pytest.approx(t, abs=0.01)


@pytest.mark.parametrize("steps", [1, 2, 50, 999, 1000, 1500])
@pytest.mark.parametrize("spacing", ["ddim", "even"])
def test_any_count_gives_as_many_steps_of_falling_noise(steps: int, spacing: str) -> None:
    line = timeline("linear", steps, spacing)
    assert len(line) == steps
    sigmas = [line.scales(i)[1] for i in range(-1, steps)]
    assert sigmas == sorted(sigmas) and sigmas[0] == 0
    assert all(math.isclose(a * a + s * s, 1) for a, s in map(line.scales, range(steps)))
    progress = [line.progress(i) for i in range(steps)]
    assert progress == sorted(progress, reverse=True) and 0 <= progress[-1] <= progress[0] < 1


@pytest.mark.parametrize("steps", [1000, 960, 4000])
@pytest.mark.parametrize("schedule", ["linear", "cosine"])
def test_betas_are_float64_and_the_oracles(schedule: str, steps: int) -> None:
    ours = betas(schedule, steps)
    assert ours.dtype == torch.float64
    expected = get_named_beta_schedule(schedule, steps).tolist()
    assert ours.tolist() == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize(
    "arguments, named",
    [
        (("linear", 0), "steps=0"),
        (("linear", 10, "odd"), "spacing=odd"),
        (("quadratic", 10), "schedule=quadratic"),
    ],
)
def test_what_cannot_be_is_refused_by_name(arguments: tuple, named: str) -> None:
    with pytest.raises(ValueError, match=named):
        timeline(*arguments)


@pytest.mark.parametrize("steps", [2, 50, 1000, 1500])
@pytest.mark.parametrize("noise", [1.0, 2.0])
def test_times_of_flow_matching_fall_evenly_to_nearly_pure_noise(steps, noise) -> None:
    line = timeline("flow", steps, "even", noise)
    times = [flow(*line.scales(i), noise)[0] for i in range(steps)]
    assert times[0] == pytest.approx(1, abs=1e-3) and 0 < times[-1] < 1e-3
    gap = (times[0] - times[-1]) / (steps - 1)
    even = [times[0] - i * gap for i in range(steps)]
    assert times == pytest.approx(even, abs=1.1e-3)  # positions are of 1000


def test_an_unknown_schedule_is_named_beside_all_that_are_known() -> None:
    with pytest.raises(ValueError, match="schedule=sine is not one of linear, cosine, flow"):
        timeline("sine", 10)
