"""Methods of guidance against closed forms: one step at a time, and whole distributions."""

import math

import pytest
import torch
from torch import Tensor

from benchmarks.posterior import SHAPE, BatchStream, ExactDenoiser, GaussianWorld, LinearGuide
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.guidance_method import GuidanceMethod, clamped, rms
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.multistep_samplers import DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.interfaces import Prediction
from guided.rng import RandomStreams
from guided.schedule import Schedule, schedule
from tests.doubles import FixedDenoiser, FixedGuide, relative

LINE = timeline("linear", 40)
WORLD = GaussianWorld.usual()


def value(number: float) -> Schedule:
    return schedule("value", number)


def noise(count: int = 3) -> Tensor:
    return BatchStream(5).normal_like(torch.empty(count, *SHAPE, dtype=torch.float64))


def guided(
    method: GuidanceMethod | None = None,
    rho: float = 1,
    mu: float = 0,
    loss: str = "distance",
    world: GaussianWorld = WORLD,
) -> GuidedDenoiser:
    return GuidedDenoiser(
        ExactDenoiser(world, LINE),
        {"a": LinearGuide(world, loss)},
        BatchStream(1),
        method or GuidanceMethod(),
        GuidanceTarget(rho=value(rho), mu=value(mu)),
    )


def shift(denoiser: GuidedDenoiser, x: Tensor, i: int) -> Tensor:
    """Return the shift of the prediction, (B, N)."""
    found = denoiser(x, i)
    return (found.unguided - found.guided).flatten(1)


def expected(x: Tensor, i: int) -> Tensor:
    """Return the similarity of the expected clean image, by the formula of Gaussians, (B,)."""
    alpha, sigma = LINE.scales(i)
    gain = alpha * WORLD.variances / (alpha**2 * WORLD.variances + sigma**2)
    return (WORLD.mean + gain * (x.flatten(1) - alpha * WORLD.mean)) @ WORLD.a


# ---- the gradient's path -------------------------------------------------------------------


@pytest.mark.parametrize("i", [0, 11, 39])
@pytest.mark.parametrize("rho, mu", [(1, 0), (0, 1), (0.5, 2)])
def test_the_shift_is_the_formula_of_tfg(rho: float, mu: float, i: int) -> None:
    """sigma^2 (rho C / (alpha^2 C + sigma^2) + mu) times the gradient: the covariance of the clean
    image given the noisy one is the derivative of the prediction, times sigma^2 / alpha."""
    (alpha, sigma), x, c = LINE.scales(i), noise(), WORLD.variances
    slope = WORLD.weight * (expected(x, i) - WORLD.goal)
    through = c / (alpha**2 * c + sigma**2)
    right = sigma**2 * slope[:, None] * (rho * through + mu) * WORLD.a
    assert relative(shift(guided(rho=rho, mu=mu), x, i), right) < 1e-9


@pytest.mark.parametrize("count", [1, 2, 5])
def test_iterations_are_steps_of_gradient_descent_on_the_predicted_image(count: int) -> None:
    """Of a square distance each step leaves the same share of the way."""
    i, x, mu = 20, noise(), 0.15
    step = mu * LINE.scales(i)[1] ** 2 * WORLD.weight  # a has length 1
    assert 0.1 < step < 1
    way = expected(x, i) - WORLD.goal
    moved = shift(guided(GuidanceMethod(value(count)), rho=0, mu=mu), x, i)
    left = way - moved @ WORLD.a
    assert torch.allclose(left, way * (1 - step) ** count, rtol=1e-9)
    across = moved - (moved @ WORLD.a)[:, None] * WORLD.a
    assert across.abs().max() < 1e-9


def test_iterations_go_back_through_the_network_once() -> None:
    """TFG's rho is for the image as it was predicted."""
    i, x = 20, noise()
    both = shift(guided(GuidanceMethod(value(4)), rho=1, mu=0.2), x, i)
    one, other = (
        shift(guided(GuidanceMethod(value(4)), rho=rho, mu=0.2 - 0.2 * rho), x, i)
        for rho in (0, 1)
    )
    assert relative(both, one + other) < 1e-9


# ---- what the guides see -------------------------------------------------------------------


def test_many_noisy_samples_give_the_loss_of_the_noisy_image_exactly() -> None:
    """-log of the mean of exp(-w (s - y)^2 / 2) over s + r noise is w' (s - y)^2 / 2 with
    w' = w / (1 + w r^2)."""
    i, x, smoothing = 20, noise(2), 0.6
    found = shift(guided(GuidanceMethod(value(1), value(smoothing), value(20_000))), x, i)
    plain = shift(guided(), x, i)
    spread = smoothing * LINE.scales(i)[1]
    weakened = plain / (1 + WORLD.weight * spread**2)
    assert relative(found @ WORLD.a, weakened @ WORLD.a) < 0.03
    assert abs(1 - weakened[0, 0] / plain[0, 0]) > 0.3


def test_a_linear_loss_is_the_same_with_any_noise() -> None:
    method = GuidanceMethod(smoothing=value(0.5), samples=value(3))
    found = shift(guided(method, loss="similarity"), noise(), 20)
    assert relative(found, shift(guided(loss="similarity"), noise(), 20)) < 1e-9


def test_samples_are_weighed_by_the_loss_of_each_image_of_the_batch_alone() -> None:
    method = GuidanceMethod(smoothing=value(0.6), samples=value(5))

    def found(seeds: list[int]) -> Tensor:
        denoiser = guided(method)
        denoiser.rng = RandomStreams(seeds)
        return shift(denoiser, noise(3)[: len(seeds)], 20)

    assert relative(found([1, 2, 3])[:1], found([1])) < 1e-9


# ---- the size of the shift -----------------------------------------------------------------


@pytest.mark.parametrize("i", [0, 20, 39])
def test_a_relative_shift_has_a_share_of_the_noise_left_whatever_the_losses_scale(i: int) -> None:
    x, shifts = noise(), []
    for weight in (4e-3, 4.0, 4e6):
        world = GaussianWorld(WORLD.mean, WORLD.variances, WORLD.a, weight)
        denoiser = guided(GuidanceMethod(relative=value(0.2)), world=world)
        shifts.append(shift(denoiser, x, i))
    assert relative(shifts[0], shifts[1]) < 1e-9 and relative(shifts[2], shifts[1]) < 1e-9
    alpha, _ = LINE.scales(i)
    plain = ExactDenoiser(WORLD, LINE)(x, i).unguided
    left = rms(x / alpha - plain)
    assert torch.allclose(rms(shifts[1]), 0.2 * left, rtol=1e-9)
    along = torch.cosine_similarity(shifts[1], shift(guided(), x, i))
    assert torch.allclose(along, torch.ones_like(along))


def test_a_relative_shift_of_a_gradient_of_zero_is_zero() -> None:
    still = FixedDenoiser(LINE, torch.zeros(2, *SHAPE, dtype=torch.float64))
    grad = torch.zeros(2, *SHAPE, dtype=torch.float64)
    grad[1] = 3.0
    denoiser = GuidedDenoiser(
        still, {"it": FixedGuide(grad)}, BatchStream(1), GuidanceMethod(relative=value(0.1))
    )
    found = denoiser(noise(2), 20)
    assert torch.equal(found.guided[0], found.unguided[0])
    assert not torch.equal(found.guided[1], found.unguided[1])
    assert torch.isfinite(found.guided).all()


# ---- noise on the sphere -------------------------------------------------------------------

SAMPLERS = [DDIM(eta=1), DDIM(eta=0.5), DDPM(), DPMSolver(eta=1)]


def stepped(sampler, prediction: Prediction, x: Tensor, i: int, seed: int = 3) -> Tensor:
    """Return x at position i - 1."""
    rng = BatchStream(seed)
    if isinstance(sampler, DPMSolver):
        (step, *_) = sampler.sample(Always(prediction), x, rng, i)
        return step.x
    return sampler.step(x, prediction, LINE, i, rng)


class Always:
    """Predicts the same."""

    timeline = LINE

    def __init__(self, prediction: Prediction) -> None:
        self.prediction = prediction

    def __call__(self, x: Tensor, i: int) -> Prediction:
        return self.prediction


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda s: type(s).__name__)
@pytest.mark.parametrize("share", [0.2, 1.0])
@pytest.mark.parametrize("weight", [1e-3, 1e6])
def test_a_spherical_step_has_the_length_of_the_noise_at_any_strength(
    sampler, share: float, weight: float
) -> None:
    i, x = 20, noise()
    world = GaussianWorld(WORLD.mean, WORLD.variances, WORLD.a, weight)
    denoiser = guided(GuidanceMethod(spherical=value(share)), world=world)
    found = denoiser(x, i)
    assert torch.equal(found.guided, found.unguided)
    plain = Prediction(found.guided, found.unguided)
    drawn = BatchStream(3).normal_like(x)
    noisy = stepped(sampler, plain, x, i)
    size = torch.linalg.vector_norm(noisy - stepped(sampler, plain, x, i, 4))
    assert size > 0  # it draws noise
    # Of two noises z and z', the steps differ by the deviation times z - z'.
    other = BatchStream(4).normal_like(x)
    deviation = size / torch.linalg.vector_norm(drawn - other)
    mean = noisy - deviation * drawn
    turned = (stepped(sampler, found, x, i) - mean) / deviation
    assert torch.allclose(rms(turned), torch.ones(3, dtype=torch.float64), rtol=1e-6)
    direction = -shift(guided(world=world), x, i)
    along = torch.cosine_similarity(turned.flatten(1), direction)
    if share == 1:
        assert torch.allclose(along, torch.ones_like(along), rtol=1e-9)
    else:
        assert (along > torch.cosine_similarity(drawn.flatten(1), direction)).all()


def test_an_image_without_a_gradient_keeps_its_noise() -> None:
    grad = torch.zeros(2, *SHAPE, dtype=torch.float64)
    grad[1] = math.pi
    denoiser = GuidedDenoiser(
        FixedDenoiser(LINE, torch.zeros_like(grad)),
        {"it": FixedGuide(grad)},
        BatchStream(1),
        GuidanceMethod(spherical=value(0.5)),
    )
    found, x = denoiser(noise(2), 20), noise(2)
    drawn = BatchStream(3).normal_like(x)
    fresh = found.fresh_noise(x, BatchStream(3))
    assert torch.equal(fresh[0], drawn[0]) and not torch.equal(fresh[1], drawn[1])
    alone = found.for_image(1).fresh_noise(x[1:], FixedStream(drawn[1:]))
    assert torch.allclose(alone, fresh[1:], rtol=1e-12)


class FixedStream(RandomStreams):
    """Draws the same noise."""

    def __init__(self, noise: Tensor) -> None:
        super().__init__([0])
        self.noise = noise

    def normal_like(self, x: Tensor) -> Tensor:
        return self.noise


def test_noise_is_turned_only_where_the_schedule_says() -> None:
    late = schedule("spherical", [[0, 0], [0.5, 0.4]])
    denoiser = guided(GuidanceMethod(spherical=late))
    early, later = denoiser(noise(), 35), denoiser(noise(), 5)
    assert early.heading is None and not torch.equal(early.guided, early.unguided)
    assert later.heading is not None and torch.equal(later.guided, later.unguided)


def test_each_part_is_limited_as_an_image_of_its_own() -> None:
    generator = torch.Generator().manual_seed(0)
    image = torch.randn(2, 3, 8, 24, generator=generator) * torch.linspace(0.01, 3, 24)
    halves = [[(0, 0, 8, 8), (16, 0, 24, 8)], [(8, 0, 16, 8)]]
    found = clamped(image, 0.5, halves)
    for b, boxes in enumerate(halves):
        for left, _, right, _ in boxes:
            alone = clamped(image[b : b + 1, ..., left:right], 0.5)
            assert torch.allclose(found[b : b + 1, ..., left:right], alone)
    outside = clamped(image, 0.5)
    assert torch.allclose(found[0, ..., 8:16], outside[0, ..., 8:16])
    assert torch.allclose(found[1, ..., 16:], outside[1, ..., 16:])


def test_pixels_of_two_parts_keep_to_the_limit_of_both() -> None:
    image = torch.ones(1, 3, 4, 12)
    image[..., 8:] = 10
    found = clamped(image, 0.5, [[(0, 0, 8, 4), (4, 0, 12, 4)]])
    assert torch.allclose(found[..., :4], torch.full((1, 3, 4, 4), 0.5))
    assert found[..., 4:8].max() < 0.1
    assert not clamped(torch.zeros(1, 3, 4, 4), 0.5, [[(0, 0, 4, 4)]]).any()
