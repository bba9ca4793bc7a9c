"""Whole trajectories against guided-diffusion, and distributions against exact Gaussians."""

import math
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from itertools import pairwise
from unittest.mock import patch

import pytest
import torch
from guided_diffusion.gaussian_diffusion import (
    LossType,
    ModelMeanType,
    ModelVarType,
    get_named_beta_schedule,
)
from guided_diffusion.respace import SpacedDiffusion, space_timesteps
from torch import Tensor

from guided.diffusion.architecture import UNetConfig
from guided.diffusion.denoiser import ModelDenoiser, noised
from guided.diffusion.drawing import Drawing
from guided.diffusion.guidance import GuidedDenoiser, clamped
from guided.diffusion.noise import Dice, timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.diffusion.unet import UNet
from guided.guides.loss import LossGuide
from guided.models.cards import ModelCard
from guided.schedule import schedule
from guided.types import Request, Step
from tests.doubles import GaussianDenoiser, TinyNet, nothing_cast_to_float32, randomised, relative

SHAPE = (1, 3, 6, 8)
SEED = 5
CLAMP = 0.05


def wavy(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): a loss with a gradient that differs everywhere."""
    return (torch.sin(3 * image) * torch.linspace(-1, 2, image.shape[3]).to(image)).sum((1, 2, 3))


def oracle(steps: int, learned: bool, name: str = "linear", spacing: str = "ddim"):
    total = 1000 // steps * steps if spacing == "ddim" else 1000
    respacing = f"ddim{steps}" if spacing == "ddim" else str(steps)
    return SpacedDiffusion(
        use_timesteps=space_timesteps(total, respacing),
        betas=get_named_beta_schedule(name, total),
        model_mean_type=ModelMeanType.EPSILON,
        model_var_type=ModelVarType.LEARNED_RANGE if learned else ModelVarType.FIXED_LARGE,
        loss_type=LossType.MSE,
        rescale_timesteps=True,
    )


def conditioning(diffusion: SpacedDiffusion, net, clip_denoised: bool) -> Callable[..., Tensor]:
    """The oracle's cond_fn: minus the direct gradient of the loss of the guessed image, clamped,
    by autograd through network and loss at once."""
    total = diffusion.original_num_steps
    bars = dict(zip(diffusion.timestep_map, diffusion.alphas_cumprod, strict=True))

    def cond_fn(x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        bar = bars[round(t[0].item() * total / 1000)]
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            pred = (x - math.sqrt(1 - bar) * net(x, t)[:, :3]) / math.sqrt(bar)
            pred = pred.clamp(-1, 1) if clip_denoised else pred
            return -clamped(torch.autograd.grad(wavy(pred).sum(), x)[0], CLAMP)

    return cond_fn


def their_trajectory(
    diffusion: SpacedDiffusion,
    net,
    dtype: torch.dtype,
    eta: float | None,
    guided: bool,
    clip_denoised: bool = False,
    skip: int = 0,
    init: Tensor | None = None,
) -> Iterator[dict[str, Tensor]]:
    """DDPM where eta is None. Noise comes from the same streams as ours."""
    dice = Dice([SEED])
    loop = diffusion.p_sample_loop_progressive
    more = {}
    if eta is not None:
        loop, more = diffusion.ddim_sample_loop_progressive, {"eta": eta}
    exact = nothing_cast_to_float32() if dtype == torch.float64 else nullcontext()
    with exact, patch.object(torch, "randn_like", dice.normal_like):
        yield from loop(
            net,
            SHAPE,
            noise=dice.normal_like(torch.empty(SHAPE, dtype=dtype)),
            clip_denoised=clip_denoised,
            cond_fn=conditioning(diffusion, net, clip_denoised) if guided else None,
            model_kwargs={},
            skip_timesteps=skip,
            init_image=init,
            **more,
        )


def our_trajectory(
    net,
    steps: int,
    dtype: torch.dtype,
    eta: float | None,
    guided: bool,
    clip_denoised: bool = False,
    skip: int = 0,
    init: Tensor | None = None,
    name: str = "linear",
    spacing: str = "ddim",
) -> list[Step]:
    dice, line = Dice([SEED]), timeline(name, steps, spacing)
    denoiser = ModelDenoiser(net, line, clip_denoised=clip_denoised)
    if guided:
        guides = {"wavy": LossGuide(wavy, schedule("scale", 1.0))}
        denoiser = GuidedDenoiser(denoiser, guides, dice, schedule("clamp", CLAMP))
    x, start = dice.normal_like(torch.empty(SHAPE, dtype=dtype)), steps - 1 - skip
    if skip:
        init = torch.zeros_like(x) if init is None else init
    if init is not None:
        x = noised(init, x, *line.scales(start))
    sampler = DDPM() if eta is None else DDIM(eta=eta)
    with torch.no_grad():
        return list(sampler.sample(denoiser, x, dice, start))


def compare(ours: list[Step], theirs: Iterator[dict[str, Tensor]], tolerance: float) -> None:
    for mine, expected in zip(ours, theirs, strict=True):
        assert relative(mine.guess.plain, expected["pred_xstart"]) < tolerance, mine.i
        assert relative(mine.x, expected["sample"]) < tolerance, mine.i


def picture(dtype: torch.dtype) -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(9)).to(dtype) * 2 - 1


@pytest.mark.parametrize("guided", [False, True], ids=["unguided", "guided"])
@pytest.mark.parametrize("eta", [0, 0.8, 1, None], ids=["ddim", "eta 0.8", "eta 1", "ddpm"])
@pytest.mark.parametrize("steps", [10, 23])
@pytest.mark.parametrize("learned", [True, False], ids=["learned", "fixed"])
def test_trajectories_equal_the_oracle_in_float64(
    steps: int, eta: float | None, guided: bool, learned: bool
) -> None:
    net = TinyNet(6 if learned else 3).double()
    ours = our_trajectory(net, steps, torch.float64, eta, guided)
    theirs = their_trajectory(oracle(steps, learned), net, torch.float64, eta, guided)
    compare(ours, theirs, 1e-9)


@pytest.mark.parametrize("guided", [False, True], ids=["unguided", "guided"])
@pytest.mark.parametrize("eta", [0, 0.8, None], ids=["ddim", "eta 0.8", "ddpm"])
@pytest.mark.parametrize("with_init", [False, True], ids=["skip only", "init image"])
@pytest.mark.parametrize("clip_denoised", [False, True], ids=["", "clip_denoised"])
def test_skipped_steps_and_init_image_equal_the_oracle(
    eta: float | None, guided: bool, with_init: bool, clip_denoised: bool
) -> None:
    net = TinyNet(6).double()
    settings = dict(
        eta=eta,
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
@pytest.mark.parametrize("eta", [0, 0.8, None], ids=["ddim", "eta 0.8", "ddpm"])
def test_other_schedules_and_spacings_equal_the_oracle(
    name: str, spacing: str, eta: float | None
) -> None:
    net = TinyNet(6).double()
    ours = our_trajectory(net, 9, torch.float64, eta, False, name=name, spacing=spacing)
    diffusion = oracle(9, True, name, spacing)
    compare(ours, their_trajectory(diffusion, net, torch.float64, eta, False), 1e-9)


def test_guidance_and_clipping_change_the_trajectories_compared() -> None:
    """Otherwise they could not tell a wrong sign or a missing term."""
    net = TinyNet(6).double()
    plain, guided, clipped = (
        our_trajectory(net, 12, torch.float64, 0.8, *chosen)[-1].x
        for chosen in ((False, False), (True, False), (False, True))
    )
    assert relative(guided, plain) > 1e-2
    assert relative(clipped, plain) > 1e-2


@pytest.mark.parametrize("eta", [0, 0.8, None], ids=["ddim", "eta 0.8", "ddpm"])
def test_a_drawing_equals_the_untouched_oracle_in_float32(eta: float | None) -> None:
    """With a real U-Net, through the whole of Drawing, with an init image and skipped steps."""
    chosen = UNetConfig(
        image_size=8,
        num_channels=32,
        channel_mult=[1],
        num_res_blocks=1,
        attention_resolutions=[8],
    )
    net = randomised(UNet(chosen), seed=3).eval().requires_grad_(False)
    drawing = Drawing(
        unet=net,
        card=ModelCard(unet=chosen),
        sampler=DDPM() if eta is None else DDIM(eta=eta),
        clamp=schedule("clamp", CLAMP),
        reach=None,
        device=torch.device("cpu"),
    )
    init = picture(torch.float32)
    request = Request(size=(SHAPE[3], SHAPE[2]), seed=SEED, steps=8, init=init, skip=3)
    guides = {"wavy": LossGuide(wavy, schedule("scale", 1.0))}
    theirs = their_trajectory(oracle(8, True), net, torch.float32, eta, True, skip=3, init=init)
    compare(list(drawing.generate(request, guides)), theirs, 1e-4)


def test_drawing_leaves_gradients_on_for_whoever_watches() -> None:
    chosen = UNetConfig(image_size=8, num_channels=32, channel_mult=[1], num_res_blocks=1)
    cpu = torch.device("cpu")
    drawing = Drawing(UNet(chosen), ModelCard(unet=chosen), DDIM(), None, None, cpu)
    steps = drawing.generate(Request(size=(8, 8), seed=1, steps=3), {})
    step = next(steps)
    assert torch.is_grad_enabled()
    assert not step.x.requires_grad


# ---- exact Gaussians -----------------------------------------------------------------------

MU, S = 0.3, 0.4


class UnitDice:
    """Each draw is the next unit vector. With a linear denoiser the result holds the share of each
    draw in it, so that the sum of their squares is the variance of a sample, exactly."""

    def __init__(self) -> None:
        self.drawn = 0

    def normal_like(self, x: Tensor) -> Tensor:
        unit = torch.zeros_like(x)
        unit[0, 0, 0, self.drawn] = 1
        self.drawn += 1
        return unit


def variance(sampler, denoiser: GaussianDenoiser) -> float:
    """Of what the sampler draws with this denoiser, whose mu must be 0; relative to s**2."""
    dice, most = UnitDice(), len(denoiser.timeline) * 6
    x = dice.normal_like(torch.zeros(1, 1, 1, most, dtype=torch.float64))
    *_, last = sampler.sample(denoiser, x, dice, len(denoiser.timeline) - 1)
    return float(last.x.square().sum()) / denoiser.s**2


@pytest.mark.parametrize("name", ["linear", "cosine"])
def test_ddim_without_noise_converges_to_the_exact_ode_solution(name: str) -> None:
    errors = []
    for steps in (62, 125, 250, 500):
        denoiser = GaussianDenoiser(timeline(name, steps), MU, S)
        x = Dice([1]).normal_like(torch.empty(1, 3, 8, 8, dtype=torch.float64))
        *_, last = DDIM(eta=0).sample(denoiser, x, Dice([1]), steps - 1)
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
    dice, n = Dice([1]), 3 * 96 * 96
    x = dice.normal_like(torch.empty(1, 3, 96, 96, dtype=torch.float64))
    *_, last = sampler.sample(denoiser, x, dice, 39)
    # What few steps miss is known exactly from the linear case.
    missed = variance(sampler, GaussianDenoiser(denoiser.timeline, 0, S, exact))
    assert abs(last.x.mean() - MU) < 4 * S / n**0.5 + 0.005 * MU
    assert abs(last.x.var() / S**2 - missed) < 4 * (2 / n) ** 0.5


@pytest.mark.parametrize("sampler", [DDIM(), DDPM()], ids=lambda s: type(s).__name__)
def test_one_step_is_reported_per_position_and_recurrence_follows_its_schedule(sampler) -> None:
    line = timeline("linear", 10)
    sampler.recurrence = schedule("recurrence", [[0, 1], [0.5, 2]])
    denoiser = GaussianDenoiser(line, MU, S)
    dice = Dice([1])
    x = dice.normal_like(torch.empty(1, 3, 2, 2))
    assert [step.i for step in sampler.sample(denoiser, x, dice, 7)] == list(range(7, -1, -1))
    assert denoiser.calls == [7, 6, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0]


@pytest.mark.parametrize("steps", [1, 2])
@pytest.mark.parametrize("sampler", [DDIM(), DDPM()], ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("spread", [False, True], ids=["fixed", "learned"])
def test_a_run_may_be_as_short_as_one_step(sampler, steps: int, spread: bool) -> None:
    denoiser, dice = GaussianDenoiser(timeline("linear", steps), MU, S, spread), Dice([1])
    x = dice.normal_like(torch.empty(1, 3, 2, 2))
    *_, last = sampler.sample(denoiser, x, dice, steps - 1)
    assert torch.isfinite(last.x).all()


def test_the_last_step_ends_at_the_guess_and_adds_no_noise() -> None:
    line = timeline("linear", 5)
    x = torch.full((1, 3, 2, 2), 0.7, dtype=torch.float64)
    guess = GaussianDenoiser(line, MU, S)(x, 0)
    for sampler in (DDIM(eta=1), DDPM()):
        assert torch.allclose(sampler.step(x, guess, line, 0, Dice([1])), guess.pred, atol=1e-12)


@pytest.mark.parametrize("settings", [dict(eta=1.5), dict(eta=-0.1), dict(recurrence=0.5)])
def test_settings_out_of_range_are_refused_by_name(settings: dict) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        DDIM(**settings)
