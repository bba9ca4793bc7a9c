"""Stretches of steps drawn several times: which steps, from which noise, and where they resume."""

import pytest
import torch

from guided.diffusion.jumps import Jumps, forward
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import GaussianDenoiser, variance

LINE = timeline("linear", 8)


def visited(times, length: int, start: int = 7) -> list[int]:
    denoiser = GaussianDenoiser(LINE, 0.0, 1.0)
    x = torch.zeros(1, 3, 2, 2)
    jumps = Jumps(DDIM(eta=0), schedule("jumps", times), length)
    yielded = [step.i for step in jumps.sample(denoiser, x, RandomStreams([1]), start)]
    assert yielded == list(range(start, -1, -1))  # each step is shown once
    return denoiser.calls


def test_each_stretch_is_drawn_so_often_and_what_is_left_over_once():
    assert visited(2, 4) == [7, 6, 5, 4, 7, 6, 5, 4, 3, 2, 1, 0, 3, 2, 1, 0]
    assert visited(3, 3) == [7, 6, *[5, 4, 3] * 3, *[2, 1, 0] * 3]
    assert visited(2, 100) == visited(1, 4) == [7, 6, 5, 4, 3, 2, 1, 0]
    assert visited(2, 1, start=2) == [2, 2, 1, 1, 0, 0]


def test_fresh_noise_is_drawn_where_the_sampler_draws_it():
    drawing = [Jumps(DDIM(eta=eta), schedule("jumps", 2), 4).draws_noise for eta in (0, 0.5)]
    assert drawing == [False, True]


def test_a_run_that_begins_late_repeats_its_first_steps_in_every_stretch():
    jumps = Jumps(DDIM(recurrence=[[0, 5], [0.5, 1]]), schedule("jumps", 2), 4).begun(0.6)
    assert [jumps.repeats(progress) for progress in (0.6, 0.79, 0.81)] == [10, 10, 2]


def test_the_number_may_change_over_the_run():
    assert visited([[0, 1], [0.5, 2]], 4) == [7, 6, 5, 4, 3, 2, 1, 0, 3, 2, 1, 0]


def test_a_jump_is_the_forward_process():
    """From a clean pixel to position 5 in one jump, or by way of 2: the same distribution."""
    alpha, sigma = LINE.scales(5)
    assert forward(LINE, -1, 5) == pytest.approx((alpha, sigma))
    (first, noise), (scale, more) = forward(LINE, -1, 2), forward(LINE, 2, 5)
    assert first * scale == pytest.approx(alpha)
    assert (noise * scale) ** 2 + more**2 == pytest.approx(sigma**2)


@pytest.mark.parametrize("sampler", [DDPM(), DDIM(eta=1), DDIM(eta=0), DPMSolver(), PLMS()])
def test_without_a_mask_the_distribution_stays_what_it_was(sampler):
    """Adding noise and removing it again leaves the distribution as it is."""
    line = timeline("linear", 200)
    exact = GaussianDenoiser(line, 0.0, 0.5, exact_spread=isinstance(sampler, DDPM))
    jumping = Jumps(sampler, schedule("jumps", 2), 40)
    assert variance(jumping, exact) == pytest.approx(variance(sampler, exact), abs=0.01)


@pytest.mark.parametrize("sampler", [DDIM(eta=0.5), DPMSolver(eta=1), PLMS(order=4)])
def test_it_goes_on_from_every_step_with_the_same_bits(sampler):
    jumps = Jumps(sampler, schedule("jumps", 3), 3)
    x = torch.randn(1, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    denoiser = GaussianDenoiser(LINE, 0.2, 0.7)
    rng = RandomStreams([1])
    whole = [(step, rng.state()) for step in jumps.sample(denoiser, x, rng, 7)]
    for k, (step, state) in enumerate(whole[:-1]):
        rng.restore(state)
        rest = jumps.sample(denoiser, step.x, rng, step.i - 1, step.memory)
        for (expected, _), mine in zip(whole[k + 1 :], rest, strict=True):
            assert torch.equal(mine.x, expected.x)


def test_the_sampler_inside_is_counted_and_resolved():
    jumps = Jumps(DDIM(eta="auto", recurrence=3), schedule("jumps", [[0, 1], [0.5, 2]]), 10)
    assert (jumps.repeats(0.2), jumps.repeats(0.7)) == (3, 6)
    assert jumps.resolve_auto((8, 8), 400).sampler.eta(0) == 1
