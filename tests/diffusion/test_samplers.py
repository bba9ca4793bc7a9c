"""Whole trajectories against guided-diffusion, and distributions against exact Gaussians."""

from itertools import pairwise

import pytest
import torch

from benchmarks.reference import spaced as oracle
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.base import LossGuide
from guided.interfaces import Request, Sampler
from guided.models.cards import ModelCard
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import (
    GaussianDenoiser,
    TinyNet,
    randomised,
    relative,
    smallest_unet,
    variance,
)
from tests.oracles import (
    CLAMP,
    SEED,
    SHAPE,
    compare,
    our_trajectory,
    picture,
    their_trajectory,
    wavy,
)

SAMPLERS = [DDIM(eta=0), DDIM(eta=0.8), DDIM(eta=1), DDPM()]
SOME = [DDIM(eta=0), DDIM(eta=0.8), DDPM()]


def named(value: object) -> str:
    return f"{type(value).__name__} {value.eta(0):g}" if isinstance(value, DDIM) else "DDPM"


@pytest.mark.parametrize("guided", [False, True], ids=["unguided", "guided"])
@pytest.mark.parametrize("sampler", SAMPLERS, ids=named)
@pytest.mark.parametrize("steps", [10, 23])
@pytest.mark.parametrize("learned", [True, False], ids=["learned", "fixed"])
def test_trajectories_equal_the_oracle_in_float64(
    steps: int, sampler: Sampler, guided: bool, learned: bool
) -> None:
    net = TinyNet(6 if learned else 3).double()
    ours = our_trajectory(net, steps, torch.float64, sampler, guided)
    theirs = their_trajectory(oracle(steps, learned), net, torch.float64, sampler, guided)
    compare(ours, theirs, 1e-9)


@pytest.mark.parametrize("guided", [False, True], ids=["unguided", "guided"])
@pytest.mark.parametrize("sampler", SOME, ids=named)
@pytest.mark.parametrize("with_init", [False, True], ids=["skip only", "init image"])
@pytest.mark.parametrize("clip_denoised", [False, True], ids=["", "clip_denoised"])
def test_skipped_steps_and_init_image_equal_the_oracle(
    sampler: Sampler, guided: bool, with_init: bool, clip_denoised: bool
) -> None:
    net = TinyNet(6).double()
    settings = dict(
        sampler=sampler,
        guided=guided,
        clip_denoised=clip_denoised,
        skip=4,
        init=picture(torch.float64) if with_init else None,
    )
    ours = our_trajectory(net, 12, torch.float64, **settings)
    theirs = their_trajectory(oracle(12, True), net, torch.float64, **settings)
    compare(ours, theirs, 1e-9)


@pytest.mark.parametrize(
    "name, spacing", [("cosine", "ddim"), ("cosine", "even"), ("linear", "even")]
)
@pytest.mark.parametrize("sampler", SOME, ids=named)
def test_other_schedules_and_spacings_equal_the_oracle(
    name: str, spacing: str, sampler: Sampler
) -> None:
    net = TinyNet(6).double()
    ours = our_trajectory(net, 9, torch.float64, sampler, False, name=name, spacing=spacing)
    diffusion = oracle(9, True, name, spacing)
    compare(ours, their_trajectory(diffusion, net, torch.float64, sampler, False), 1e-9)


def test_guidance_and_clipping_change_the_trajectories_compared() -> None:
    """Otherwise they could not tell a wrong sign or a missing term."""
    net = TinyNet(6).double()
    plain, guided, clipped = (
        our_trajectory(net, 12, torch.float64, DDIM(eta=0.8), *chosen)[-1].x
        for chosen in ((False, False), (True, False), (False, True))
    )
    assert relative(guided, plain) > 1e-2
    assert relative(clipped, plain) > 1e-2


@pytest.mark.parametrize("sampler", SOME, ids=named)
def test_a_drawing_equals_the_untouched_oracle_in_float32(sampler: Sampler) -> None:
    """With a real U-Net, through the whole of Drawing, with an init image and skipped steps."""
    chosen = smallest_unet()
    net = randomised(UNet(chosen), seed=3).eval().requires_grad_(False)
    drawing = DiffusionGenerator(
        unet=net,
        card=ModelCard(unet=chosen),
        sampler=sampler,
        device=torch.device("cpu"),
        method=GuidanceMethod(clamp=schedule("clamp", CLAMP)),
    )
    init = picture(torch.float32)
    request = Request(size=(SHAPE[3], SHAPE[2]), seeds=[SEED], steps=8, init=init, skip=3)
    guides = {"wavy": LossGuide(wavy, schedule("scale", 1.0))}
    theirs = their_trajectory(
        oracle(8, True), net, torch.float32, sampler, True, skip=3, init=init
    )
    compare(list(drawing.generate(request, guides)), theirs, 1e-4)


def test_drawing_leaves_gradients_on_for_whoever_watches() -> None:
    chosen = UNetConfig(image_size=8, num_channels=32, channel_mult=[1], num_res_blocks=1)
    cpu = torch.device("cpu")
    drawing = DiffusionGenerator(UNet(chosen), ModelCard(unet=chosen), DDIM(), cpu)
    steps = drawing.generate(Request(size=(8, 8), seeds=[1], steps=3), {})
    step = next(steps)
    assert torch.is_grad_enabled()
    assert not step.x.requires_grad


# ---- exact Gaussians -----------------------------------------------------------------------

MU, S = 0.3, 0.4


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_ddim_without_noise_converges_to_the_exact_ode_solution(name: str) -> None:
    errors = []
    for steps in (62, 125, 250, 500):
        denoiser = GaussianDenoiser(timeline(name, steps), MU, S)
        x = RandomStreams([1]).normal_like(torch.empty(1, 3, 8, 8, dtype=torch.float64))
        *_, last = DDIM(eta=0).sample(denoiser, x, RandomStreams([1]), steps - 1)
        errors.append(relative(last.x, denoiser.ode(x, steps - 1)))
    assert errors[-1] < 0.01
    # First order: half the error with twice the steps.
    assert all(1.6 < rough / fine < 2.4 for rough, fine in pairwise(errors))


@pytest.mark.parametrize("eta", [0, 0.8, 1])
@pytest.mark.parametrize("recurrence", [1, 3])
def test_ddim_converges_to_the_right_variance(eta: float, recurrence: int) -> None:
    sampler = DDIM(eta=eta, recurrence=recurrence)
    errors = [
        abs(variance(sampler, GaussianDenoiser(timeline("linear", steps), 0, S)) - 1)
        for steps in (250, 500, 1000)
    ]
    assert errors[-1] < 0.04
    assert all(1.6 < rough / fine < 2.4 for rough, fine in pairwise(errors))


@pytest.mark.parametrize("steps", [4, 30])
@pytest.mark.parametrize("recurrence", [1, 3])
def test_ddpm_with_the_true_variance_is_exact_with_any_number_of_steps(
    steps: int, recurrence: int
) -> None:
    denoiser = GaussianDenoiser(timeline("linear", steps, "even"), 0, S, exact_spread=True)
    # The last step shows the mean, without the 1e-4 of variance that is left there.
    assert variance(DDPM(recurrence=recurrence), denoiser) == pytest.approx(1, abs=2e-3)


def test_ddpm_with_fixed_variance_is_exact_for_images_of_unit_variance() -> None:
    denoiser = GaussianDenoiser(timeline("linear", 10, "even"), 0, 1.0)
    assert variance(DDPM(), denoiser) == pytest.approx(1, abs=2e-3)


def test_ddpm_with_fixed_variance_converges() -> None:
    errors = [
        abs(variance(DDPM(), GaussianDenoiser(timeline("linear", steps), 0, S)) - 1)
        for steps in (250, 500, 1000)
    ]
    assert errors[-1] < 0.02
    assert all(1.6 < rough / fine < 2.4 for rough, fine in pairwise(errors))


@pytest.mark.parametrize(
    "sampler, exact",
    [(DDPM(), True), (DDPM(recurrence=2), True), (DDIM(eta=1), False), (DDIM(eta=0), False)],
)
def test_samples_have_the_mean_and_variance_of_the_images(sampler, exact: bool) -> None:
    """With real random numbers; four standard errors of the mean and of the variance."""
    denoiser = GaussianDenoiser(timeline("linear", 40), MU, S, exact)
    rng, n = RandomStreams([1]), 3 * 96 * 96
    x = rng.normal_like(torch.empty(1, 3, 96, 96, dtype=torch.float64))
    *_, last = sampler.sample(denoiser, x, rng, 39)
    # What few steps miss is known exactly from the linear case.
    missed = variance(sampler, GaussianDenoiser(denoiser.timeline, 0, S, exact))
    assert abs(last.x.mean() - MU) < 4 * S / n**0.5 + 0.005 * MU
    assert abs(last.x.var() / S**2 - missed) < 4 * (2 / n) ** 0.5


@pytest.mark.parametrize("sampler", [DDIM(), DDPM()], ids=lambda s: type(s).__name__)
def test_one_step_is_reported_per_position_and_recurrence_follows_its_schedule(sampler) -> None:
    line = timeline("linear", 10)
    sampler.recurrence = schedule("recurrence", [[0, 1], [0.5, 2]])
    denoiser = GaussianDenoiser(line, MU, S)
    rng = RandomStreams([1])
    x = rng.normal_like(torch.empty(1, 3, 2, 2))
    assert [step.i for step in sampler.sample(denoiser, x, rng, 7)] == list(range(7, -1, -1))
    assert denoiser.calls == [7, 6, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0]


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("sampler", [DDIM(), DDPM()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("spread", [False, True], ids=["fixed", "learned"])
def test_a_run_may_be_as_short_as_one_step(sampler, steps: int, spread: bool) -> None:
    denoiser, rng = GaussianDenoiser(timeline("linear", steps), MU, S, spread), RandomStreams([1])
    x = rng.normal_like(torch.empty(1, 3, 2, 2))
    *_, last = sampler.sample(denoiser, x, rng, steps - 1)
    assert torch.isfinite(last.x).all()


def test_the_last_step_ends_at_the_guess_and_adds_no_noise() -> None:
    line = timeline("linear", 5)
    x = torch.full((1, 3, 2, 2), 0.7, dtype=torch.float64)
    guess = GaussianDenoiser(line, MU, S)(x, 0)
    for sampler in (DDIM(eta=1), DDPM()):
        assert torch.allclose(
            sampler.step(x, guess, line, 0, RandomStreams([1])), guess.guided, atol=1e-12
        )


@pytest.mark.parametrize("settings", [dict(eta=1.5), dict(eta=-0.1), dict(recurrence=0.5)])
def test_settings_out_of_range_are_refused_by_name(settings: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        DDIM(**settings)


def test_the_automatic_eta_rises_from_50_to_315_steps() -> None:
    found = []
    for steps in (10, 50, 103, 315, 1000):
        sampler = DDIM(eta="auto").resolve_auto((64, 64), steps)
        found.append(sampler.eta(0.5))
    assert found == pytest.approx([0, 0, 0.2, 1, 1])
