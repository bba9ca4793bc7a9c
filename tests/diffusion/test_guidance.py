"""The guided denoiser: the shift that guides cause, its limits, and its independence per image."""

import logging

import pytest
import torch
from torch import Tensor

from guided.cutouts.settings import Cutouts
from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.guidance_method import LEAST_ALPHA, GuidanceMethod, clamped, rms
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.guides.base import LossGuide
from guided.guides.clip import ClipGuide
from guided.guides.clip_loss import ClipSimilarity, spherical
from guided.guides.regularisers import excess, total_variation
from guided.interfaces import GuideGradient, Prediction, Scene
from guided.prompts.prompt import Prompt
from guided.rng import RandomStreams
from guided.schedule import schedule
from tests.doubles import FixedDenoiser, FixedGuide, LinearClip, TinyNet, relative

LINE = timeline("linear", 20)
SHAPE = (2, 3, 8, 8)


def ramp(size: float = 1.0) -> Tensor:
    """Image 0 and image 1 differ, and no value is alike."""
    return size * torch.linspace(-1, 2, 2 * 3 * 8 * 8, dtype=torch.float64).view(SHAPE)


def guided(grad: Tensor, clamp: float | None = None, **more) -> GuidedDenoiser:
    denoiser = FixedDenoiser(more.pop("line", LINE), torch.zeros(SHAPE, dtype=torch.float64))
    method = GuidanceMethod(clamp=None if clamp is None else schedule("clamp", clamp))
    return GuidedDenoiser(denoiser, {"fixed": FixedGuide(grad)}, RandomStreams([1, 2]), method)


def test_the_guess_moves_against_the_gradient_by_sigma_squared_over_alpha() -> None:
    for i in (0, 10, 19):
        alpha, sigma = LINE.scales(i)
        guess = guided(ramp())(torch.zeros(SHAPE, dtype=torch.float64), i)
        # The guide's gradient is for images in [0, 1], half as long as [-1, 1].
        assert torch.allclose(guess.guided, -(sigma**2) / alpha * ramp() / 2, rtol=1e-12)
        assert torch.equal(guess.unguided, torch.zeros_like(guess.unguided))
        assert torch.allclose(guess.grad_norm, rms(ramp() / 2))


def test_guides_add_up() -> None:
    x = torch.zeros(SHAPE, dtype=torch.float64)
    both = guided(ramp())
    both.guides = {"one": FixedGuide(ramp()), "two": FixedGuide(3 * ramp())}
    assert torch.allclose(both(x, 5).guided, guided(4 * ramp())(x, 5).guided)
    assert set(both(x, 5).losses) == {"one", "two"}


# ---- limits --------------------------------------------------------------------------------


def test_a_zero_gradient_stays_zero() -> None:
    assert torch.equal(clamped(torch.zeros(SHAPE), 0.05), torch.zeros(SHAPE))
    guess = guided(torch.zeros(SHAPE), clamp=0.05)(ramp(), 10)
    assert torch.equal(guess.guided, guess.unguided)
    assert torch.isfinite(guess.guided).all()


def test_a_small_gradient_is_untouched_and_a_large_one_is_scaled_to_the_limit() -> None:
    grad = ramp() / rms(ramp()).view(-1, 1, 1, 1) * torch.tensor([0.04, 7.0]).view(-1, 1, 1, 1)
    limited = clamped(grad, 0.05)
    assert torch.equal(limited[0], grad[0])
    assert rms(limited)[1].item() == pytest.approx(0.05, rel=1e-12)
    assert torch.allclose(limited[1] / grad[1], torch.full_like(grad[1], 0.05 / 7), rtol=1e-12)


def test_the_clamp_is_a_schedule_over_the_run() -> None:
    denoiser = guided(ramp(100))
    denoiser.method = GuidanceMethod(clamp=schedule("clamp", [[0, 0.05], [0.5, 0.01]]))
    x = torch.zeros(SHAPE, dtype=torch.float64)
    for i, limit in ((19, 0.05), (2, 0.01)):
        alpha, sigma = LINE.scales(i)
        shift = rms(denoiser(x, i).guided) * alpha / sigma**2
        assert shift.tolist() == pytest.approx([limit] * 2, rel=1e-9)


def test_the_reach_limits_the_shift_where_there_is_nearly_only_noise() -> None:
    """The factor before the gradient grows without bound there; elsewhere nothing changes."""
    x = torch.zeros(SHAPE, dtype=torch.float64)
    free, bound = guided(ramp(10)), guided(ramp(10))
    bound.method = GuidanceMethod(reach=schedule("reach", 0.3))
    noisy = bound(x, 19)
    assert rms(noisy.guided).tolist() == pytest.approx([0.3] * 2, rel=1e-9)
    free_noisy = free(x, 19)
    assert torch.allclose(
        noisy.guided / rms(noisy.guided).view(-1, 1, 1, 1),
        free_noisy.guided / rms(free_noisy.guided).view(-1, 1, 1, 1),
    )
    assert rms(free(x, 0).guided).max() < 0.3
    assert torch.equal(bound(x, 0).guided, free(x, 0).guided)


@pytest.mark.parametrize("broken", [float("nan"), float("inf"), -float("inf")])
def test_a_gradient_that_is_not_finite_is_reported_and_that_image_goes_on_unguided(
    broken: float, caplog: pytest.LogCaptureFixture
) -> None:
    net, x = TinyNet().double(), ramp()
    plain = ModelDenoiser(net, LINE)
    grad = ramp(10)
    grad[0, 1, 2, 3] = broken
    with caplog.at_level(logging.WARNING):
        denoiser = GuidedDenoiser(plain, {"bad": FixedGuide(grad)}, RandomStreams([1, 2]))
        bent = denoiser(x, 10)
        denoiser.warn_nonfinite()
        assert "not finite" in caplog.text and "500" in caplog.text
        caplog.clear()
        denoiser.warn_nonfinite()
    assert not caplog.text  # once
    unguided = plain(x, 10)
    sound = GuidedDenoiser(plain, {"good": FixedGuide(ramp(10))}, RandomStreams([1, 2]))(x, 10)
    assert torch.equal(bent.guided[0], unguided.guided[0])
    assert torch.allclose(bent.guided[1], sound.guided[1], rtol=1e-12)
    assert not torch.allclose(bent.guided[1], unguided.guided[1])
    for sampler in (DDIM(eta=0.8), DDPM()):
        steps = [sampler.step(x, g, LINE, 10, RandomStreams([1, 2]))[0] for g in (bent, unguided)]
        assert torch.equal(*steps)


def test_a_sound_gradient_is_not_reported(caplog: pytest.LogCaptureFixture) -> None:
    denoiser = guided(ramp(), clamp=0.05)
    denoiser(ramp(), 10)
    denoiser.warn_nonfinite()
    assert caplog.text == ""


def test_a_cosine_schedules_first_step_does_not_explode() -> None:
    """Its alpha of 0.00005 would make the clamped gradient a shift of 1000 and more."""
    line = timeline("cosine", 50, "even")
    assert line.scales(49)[0] < 1e-3
    guess = guided(ramp(100), clamp=0.05, line=line)(ramp(), 49)
    assert rms(guess.guided).max() <= 0.05 / LEAST_ALPHA * 1.001 < 10


@pytest.mark.parametrize("steps", [20, 250, 1000, 1500])
def test_every_step_of_a_linear_schedule_is_guided_exactly(steps: int) -> None:
    for spacing in ("ddim", "even"):
        assert timeline("linear", steps, spacing).scales(steps - 1)[0] > LEAST_ALPHA


# ---- two stages ----------------------------------------------------------------------------


def clip_guide(clip: LinearClip) -> ClipSimilarity:
    prompts = [Prompt("a red heart", 0.7), Prompt("fog", -0.3)]
    cutouts = Cutouts(overview=2, inner=2, smallest=0.5, augment=False, gray=0.5)
    scene = Scene(prompts, {"linear": clip}, cutouts, torch.device("cpu"))
    return ClipSimilarity.prepare(scene, ClipGuide(scale=40))


@pytest.mark.parametrize("clip_denoised", [False, True])
def test_the_two_stage_gradient_is_the_direct_one_through_everything(clip_denoised: bool) -> None:
    """Loss of the views of the guessed image, differentiated in one go with respect to x."""
    net, clip, i = TinyNet().double(), LinearClip(), 12
    guide = clip_guide(clip)
    plain = ModelDenoiser(net, LINE, clip_denoised=clip_denoised)
    guides = {
        "clip": guide,
        "smooth": LossGuide(total_variation, schedule("s", 30)),
        "saturation": LossGuide(excess, schedule("s", 5)),
    }
    x0 = ramp()
    guess = GuidedDenoiser(plain, guides, RandomStreams([1, 2]))(x0, i)

    x = x0.clone().requires_grad_()
    pred = plain(x, i).guided
    seeds = RandomStreams([1, 2]).seeds()
    loss = (30 * total_variation(pred) + 5 * excess(pred)).sum()
    for b in range(2):
        image = (pred[b : b + 1] + 1) / 2
        views = guide.views(image, clip.size, LINE.progress(i), seeds[b]).views
        target = guide.targets[0]
        seen = spherical(clip.encode_image(views), target.points)
        loss = loss + 40 * (seen @ torch.tensor([0.7, -0.3]).to(seen)).mean()
    (direct,) = torch.autograd.grad(loss, x)

    alpha, sigma = LINE.scales(i)
    two_stage = (guess.unguided - guess.guided) * alpha / sigma**2
    assert relative(two_stage, direct) < 1e-10


def test_no_graph_is_kept_from_step_to_step() -> None:
    plain = ModelDenoiser(TinyNet().double(), LINE)
    guides = {"clip": clip_guide(LinearClip())}
    guess = GuidedDenoiser(plain, guides, RandomStreams([1, 2]))(ramp().requires_grad_(), 5)
    kept = [guess.guided, guess.unguided, guess.variance, guess.similarity, *guess.losses.values()]
    assert not any(tensor.requires_grad for tensor in kept)


# ---- images of a batch ---------------------------------------------------------------------


class Noisy:
    """A guide that rolls dice, as one with random views does."""

    def is_active(self, progress: float) -> bool:
        return True

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        return GuideGradient(image.new_zeros(len(image)), rng.normal_like(image) * image)


@pytest.mark.parametrize("sampler", [DDIM(eta=0.8, recurrence=2), DDPM()])
def test_an_image_of_a_batch_is_the_same_alone(sampler) -> None:
    def draw(seeds: list[int]) -> Tensor:
        rng = RandomStreams(seeds)
        plain = ModelDenoiser(TinyNet().double(), LINE, rng=rng)
        guides = {"noisy": Noisy(), "clip": clip_guide(LinearClip())}
        denoiser = GuidedDenoiser(plain, guides, rng, GuidanceMethod(clamp=schedule("c", 0.05)))
        x = rng.normal_like(torch.empty(len(seeds), *SHAPE[1:], dtype=torch.float64))
        *_, last = sampler.sample(denoiser, x, rng, len(LINE) - 1)
        return last.x

    batch = draw([7, 8, 9])
    assert relative(draw([8]), batch[1:2]) < 1e-9
    assert relative(batch[0], batch[1]) > 0.1


def test_similarity_is_passed_on_from_the_guide_that_has_one() -> None:
    plain = ModelDenoiser(TinyNet().double(), LINE)
    guides = {"fixed": FixedGuide(ramp()), "clip": clip_guide(LinearClip())}
    guess: Prediction = GuidedDenoiser(plain, guides, RandomStreams([1, 2]))(ramp(), 5)
    assert guess.similarity.shape == (2,)
    assert GuidedDenoiser(plain, {}, RandomStreams([1, 2]))(ramp(), 5).similarity is None
