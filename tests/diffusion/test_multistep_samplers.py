"""PLMS against guided-diffusion's; DPM-Solver++ against exact solutions of the ODE and the SDE."""

import math
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from benchmarks.reference import spaced as oracle
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM
from guided.interfaces import Sampler
from guided.rng import RandomStreams
from guided.timeline import Timeline
from tests.doubles import (
    FixedDenoiser,
    GaussianDenoiser,
    TinyNet,
    UnitStreams,
    relative,
    variance,
)
from tests.oracles import compare, our_trajectory, picture, their_trajectory

MU, S = 0.3, 0.4


def noise() -> Tensor:
    return RandomStreams([1]).normal_like(torch.empty(1, 3, 8, 8, dtype=torch.float64))


def even_in_clarity(steps: int) -> Timeline:
    """log(alpha / sigma) from -4 to 4 in equal steps, where an order of convergence is clean."""
    clarity = [4 - 8 * i / (steps - 1) for i in range(steps)]
    times = tuple(1000 * i / steps for i in range(steps))
    return Timeline(times, tuple(1 / (1 + math.exp(-2 * c)) for c in clarity))


# ---- PLMS ----------------------------------------------------------------------------------


@pytest.mark.parametrize("guided", [False, True], ids=["unguided", "guided"])
@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("steps, skip", [(2, 0), (10, 0), (23, 5)])
def test_plms_equals_the_oracle(steps: int, skip: int, order: int, guided: bool) -> None:
    net = TinyNet(6).double()
    init = picture(torch.float64) if skip else None
    chosen = dict(sampler=PLMS(order=order), guided=guided, skip=skip, init=init)
    ours = our_trajectory(net, steps, torch.float64, **chosen)
    compare(ours, their_trajectory(oracle(steps, True), net, torch.float64, **chosen), 1e-9)


def test_plms_evaluates_twice_in_its_first_step_only_and_never_before_the_beginning() -> None:
    """The reference asks for timestep -1, which wraps to the noisiest, when one step is left."""
    for start, calls in ((5, [5, 4, 4, 3, 2, 1, 0]), (0, [0])):
        denoiser = GaussianDenoiser(timeline("linear", 10), MU, S)
        steps = list(PLMS().sample(denoiser, noise(), RandomStreams([1]), start))
        assert denoiser.calls == calls
        assert [step.i for step in steps] == list(range(start, -1, -1))
        assert torch.equal(steps[-1].x, steps[-1].prediction.guided)


def test_plms_refuses_noise_by_name() -> None:
    with pytest.raises(ValueError, match=r"eta=0.8 must be 0: PLMS adds no noise"):
        PLMS(eta=0.8)
    with pytest.raises(ValueError, match="order=1"):
        PLMS(order=1)


# ---- convergence ---------------------------------------------------------------------------


@pytest.mark.parametrize("sampler", [PLMS(), PLMS(order=4), DPMSolver()], ids=str)
def test_convergence_to_the_exact_ode_solution_is_of_second_order(sampler: Sampler) -> None:
    """Four times less error with twice the steps. Up to position 0: from there to the clean image
    all samplers show the guess. PLMS has second order whatever its own, because of its start."""
    errors = []
    for steps in (62, 125, 250):
        line = even_in_clarity(steps)
        denoiser, x = GaussianDenoiser(line, MU, S), noise()
        *_, second_last, _ = sampler.sample(denoiser, x, RandomStreams([1]), steps - 1)
        ends = [
            (x - line.scales(i)[0] * MU) / denoiser.variance(i) ** 0.5
            for x, i in ((x, steps - 1), (second_last.x, 0))
        ]  # the ODE keeps the distance from the mean in standard deviations
        errors.append(relative(ends[1], ends[0]))
    assert errors[-1] < 2e-3
    assert all(3.5 < rough / fine < 4.5 for rough, fine in pairwise(errors))


@pytest.mark.parametrize("name", ["linear", "cosine"])
@pytest.mark.parametrize("spacing", ["ddim", "even"])
def test_a_few_steps_of_2m_come_nearer_than_ddim(name: str, spacing: str) -> None:
    line, x = timeline(name, 250, spacing), noise()
    errors = []
    for sampler in (DPMSolver(), DDIM(eta=0)):
        denoiser = GaussianDenoiser(line, MU, S)
        *_, last = sampler.sample(denoiser, x, RandomStreams([1]), len(line) - 1)
        errors.append(relative(last.x, denoiser.ode(x, len(line) - 1)))
    assert errors[0] < errors[1] / 2


@pytest.mark.parametrize("eta", [0.5, 1])
def test_the_sde_form_has_the_right_variance_to_second_order(eta: float) -> None:
    errors = [
        abs(variance(DPMSolver(eta=eta), GaussianDenoiser(timeline("linear", steps), 0, S)) - 1)
        for steps in (62, 125, 250, 500)
    ]
    assert errors[-1] < 0.006
    assert all(3.3 < rough / fine < 5 for rough, fine in pairwise(errors))


@pytest.mark.parametrize("eta", [0, 1])
def test_recurrence_converges_to_the_right_variance(eta: float) -> None:
    """To first order: the steps taken again cannot look back."""
    sampler = DPMSolver(eta=eta, recurrence=3)
    errors = [
        abs(variance(sampler, GaussianDenoiser(timeline("linear", steps), 0, S)) - 1)
        for steps in (250, 500, 1000)
    ]
    assert errors[-1] < 0.03
    assert all(1.6 < rough / fine < 2.4 for rough, fine in pairwise(errors))


class Silence(RandomStreams):
    def normal_like(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


@pytest.mark.parametrize("eta", [0, 0.3, 1])
@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_of_a_single_image_every_step_has_exactly_the_mean_and_the_noise(
    eta: float, name: str
) -> None:
    """Where every guess is that image, x is alpha * image + sigma * noise at any step."""
    line, rng = timeline(name, 7), UnitStreams()
    alpha, sigma = line.scales(6)
    black = torch.zeros(1, 1, 1, 16, dtype=torch.float64)
    x, denoiser = sigma * rng.normal_like(black), FixedDenoiser(line, black)
    for step in DPMSolver(eta=eta).sample(denoiser, x, rng, 6):
        sigma = line.scales(step.i - 1)[1]
        assert float(step.x.square().sum()) == pytest.approx(sigma**2, rel=1e-12)

    gray = torch.full_like(black, 0.7)
    denoiser = FixedDenoiser(line, gray)
    for step in DPMSolver(eta=eta).sample(denoiser, alpha * gray, Silence([1]), 6):
        alpha = line.scales(step.i - 1)[0]
        assert torch.allclose(step.x, alpha * gray, rtol=1e-12)


@pytest.mark.parametrize("sampler", [PLMS(), DPMSolver(), DPMSolver(eta=1)], ids=str)
@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_a_run_may_be_as_short_as_one_step(sampler: Sampler, steps: int, name: str) -> None:
    denoiser = GaussianDenoiser(timeline(name, steps, "even"), MU, S)
    *_, last = sampler.sample(denoiser, noise(), RandomStreams([1]), steps - 1)
    assert torch.isfinite(last.x).all()
    assert torch.equal(last.x, last.prediction.guided)


@pytest.mark.parametrize("settings", [dict(eta=1.5), dict(eta=-0.1), dict(recurrence=0)])
def test_settings_out_of_range_are_refused_by_name(settings: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        DPMSolver(**settings)
