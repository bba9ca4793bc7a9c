"""Measures methods of guidance where the guided distribution is known.

    python -m benchmarks.posterior

Images are Gaussian, with pixels of different variances, and the "CLIP" is a linear map onto one
number. Guided by a loss, the distribution of images is the Gaussian one times exp(-loss), which is
Gaussian too:

    similarity   loss = -w a.x              mean m + w C a              covariance C
    distance     loss = w (a.x - y)^2 / 2   mean m + w C' a (y - a.m)   C' = (1/C + w a a^T)^-1

The denoiser is exact, so that what differs from this is the method's and the sampler's error. For
each method the table has the error of the mean in standard deviations, and the variance as a share
of the right one: of the similarity a.x, and of the pixels (their root mean square, their mean).
Methods whose strength has no unit (relative, spherical) are given the one by which the mean is
right.

    python -m benchmarks.posterior steps=50 sampler=ddpm count=20000
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor

from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.guidance_method import GuidanceMethod
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.multistep_samplers import PLMS, DPMSolver
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.samplers import DDIM, DDPM
from guided.errors import BadInput, not_one_of
from guided.interfaces import GuideGradient, Prediction, SamplerSettings
from guided.rng import RandomStreams
from guided.schedule import schedule
from guided.timeline import Timeline
from guided.training.common.settings import main

SHAPE = (3, 4, 4)
SAMPLERS: dict[str, Callable[[], SamplerSettings]] = {
    "ddim": lambda: DDIM(eta=1),
    "ddim0": lambda: DDIM(eta=0),
    "ddpm": DDPM,
    "dpmpp_2m": DPMSolver,
    "dpmpp_sde": lambda: DPMSolver(eta=1),
    "plms": PLMS,
}
LOSSES = ("similarity", "distance")


@dataclass
class Settings:
    """The settings of the measurement."""

    steps: int = 100
    sampler: str = "ddim"  # with eta 1; ddim0: with eta 0; ddpm, dpmpp_2m, dpmpp_sde, plms
    count: int = 4000  # images of each method

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if self.sampler not in SAMPLERS:
            raise BadInput(not_one_of("sampler", self.sampler, list(SAMPLERS)))
        for name in ("steps", "count"):
            if getattr(self, name) < 2:
                raise BadInput(f"{name}={getattr(self, name)} must be 2 or more")


@dataclass
class GaussianWorld:
    """Images N(mean, diag(variances)), and a linear map a onto one number; all of them (N,)."""

    mean: Tensor
    variances: Tensor
    a: Tensor
    weight: float = 4.0  # of the loss
    goal: float = 1.5  # y of the distance

    @classmethod
    def usual(cls, spread: float = 10.0) -> GaussianWorld:
        """Return the world of the table: variances from 1 / spread to 1, of 48 pixels."""
        number = SHAPE[0] * SHAPE[1] * SHAPE[2]
        generator = torch.Generator().manual_seed(1)
        a = torch.randn(number, generator=generator, dtype=torch.float64)
        mean = 0.3 * torch.randn(number, generator=generator, dtype=torch.float64)
        variances = torch.logspace(0, 1, number, base=1 / spread, dtype=torch.float64)
        return cls(mean, variances[torch.randperm(number, generator=generator)], a / a.norm())

    def guided(self, loss: str) -> tuple[Tensor, Tensor]:
        """Return mean (N,) and covariance (N, N) of the images times exp(-loss)."""
        if loss == "similarity":
            return self.mean + self.weight * self.variances * self.a, self.variances.diag()
        precision = (1 / self.variances).diag() + self.weight * self.a.outer(self.a)
        covariance = precision.inverse()
        apart = self.goal - self.a @ self.mean
        return self.mean + self.weight * covariance @ self.a * apart, covariance

    def slope(self, loss: str, similarity: Tensor) -> Tensor:
        """Return the derivative of the loss by the similarity, (B,)."""
        if loss == "similarity":
            return torch.full_like(similarity, -self.weight)
        return self.weight * (similarity - self.goal)

    def loss(self, loss: str, similarity: Tensor) -> Tensor:
        """Return the loss (B,) of similarities."""
        if loss == "similarity":
            return -self.weight * similarity
        return self.weight * (similarity - self.goal).square() / 2


@dataclass
class ExactDenoiser:
    """The expected image given a noisy one."""

    world: GaussianWorld
    timeline: Timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        alpha, sigma = self.timeline.scales(i)
        mean = self.world.mean.view(SHAPE)
        gain = alpha * self.world.variances / (alpha**2 * self.world.variances + sigma**2)
        image = mean + gain.view(SHAPE) * (x - alpha * mean)
        return Prediction(image, image)


@dataclass
class LinearGuide:
    """The loss of a.x; `exact`: that of noisy images, -log of the expected exp(-loss)."""

    world: GaussianWorld
    loss: str
    timeline: Timeline | None = None  # None: the loss of clean images

    def is_active(self, progress: float) -> bool:
        return True

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        world = self.world
        similarity = (2 * image - 1).flatten(1) @ world.a
        slope = world.slope(self.loss, similarity) * self.factor(progress)
        grad = 2 * (slope[:, None] * world.a).view_as(image)  # with respect to [0, 1]
        return GuideGradient(world.loss(self.loss, similarity), grad, similarity)

    def factor(self, progress: float) -> float:
        """Return by what the spread of images around the prediction weakens the distance."""
        if self.timeline is None or self.loss == "similarity":
            return 1.0
        line, variances = self.timeline, self.world.variances
        i = next(i for i in range(len(line)) if line.progress(i) == progress)
        alpha, sigma = line.scales(i)
        left = variances * sigma**2 / (alpha**2 * variances + sigma**2)
        return float(1 / (1 + self.world.weight * (self.world.a.square() @ left)))


@dataclass
class Method:
    """A row of the table: how the guided denoiser is set."""

    name: str
    target: GuidanceTarget = field(default_factory=GuidanceTarget)
    method: GuidanceMethod = field(default_factory=GuidanceMethod)
    exact: bool = False
    tuned: str = ""  # the setting of `method` by which the mean is made right
    recurrence: int = 1

    def at(self, strength: float) -> Method:
        """Return it with its tuned setting of this value."""
        changed: dict[str, Any] = {self.tuned: schedule(self.tuned, strength)}
        return replace(self, method=replace(self.method, **changed))


def methods() -> list[Method]:
    """Return the rows of the table."""

    def target(rho: float, mu: float) -> GuidanceTarget:
        return GuidanceTarget(rho=schedule("rho", rho), mu=schedule("mu", mu))

    def steps(count: int) -> GuidanceMethod:
        return GuidanceMethod(iterations=schedule("iterations", count))

    noisy = GuidanceMethod(smoothing=schedule("smoothing", 1), samples=schedule("samples", 16))
    relative = GuidanceMethod(relative=schedule("relative", 0.1))
    both = replace(noisy, iterations=schedule("iterations", 2))
    return [
        Method("exact", exact=True),
        Method("dps"),
        Method("lgd", method=noisy),
        Method("mpgd", target(0, 1)),
        Method("universal", target(0.5, 0.1), steps(4)),
        Method("tfg", target(0.5, 0.25), both),
        Method("dps, recurrence 4", recurrence=4),
        Method("freedom", method=relative, tuned="relative"),
        Method("mpgd, relative", target(0, 1), relative, tuned="relative"),
        Method("dsg", method=GuidanceMethod(spherical=schedule("s", 0.1)), tuned="spherical"),
    ]


class BatchStream(RandomStreams):
    """One random stream for all images, which is faster than one for each."""

    def __init__(self, seed: int) -> None:
        super().__init__([seed])

    def normal_like(self, x: Tensor) -> Tensor:
        return torch.randn(x.shape, generator=self.generators[0], dtype=x.dtype)


def sampled(
    world: GaussianWorld,
    loss: str,
    method: Method,
    sampler: SamplerSettings,
    steps: int,
    count: int,
) -> Tensor:
    """Return images (count, N) that a method draws."""
    line, rng = timeline("linear", steps, "even"), BatchStream(0)
    guide = LinearGuide(world, loss, line if method.exact else None)
    guided = GuidedDenoiser(
        ExactDenoiser(world, line), {"a": guide}, rng, method.method, method.target
    )
    if method.recurrence > 1 and hasattr(sampler, "recurrence"):
        sampler = replace(sampler, recurrence=method.recurrence)  # type: ignore[type-var]
    x = rng.normal_like(torch.empty(count, *SHAPE, dtype=torch.float64))
    with torch.no_grad():
        *_, last = sampler.sample(guided, x, rng, steps - 1)
    return last.x.flatten(1)


def error(world: GaussianWorld, loss: str, images: Tensor) -> float:
    """Return how far the mean similarity is too high, in standard deviations."""
    mean, covariance = world.guided(loss)
    return float(((images.mean(0) - mean) @ world.a) / (world.a @ covariance @ world.a).sqrt())


def tuned(
    world: GaussianWorld, loss: str, method: Method, sampler: SamplerSettings, steps: int
) -> Method:
    """Return the method with the strength by which the mean similarity is right, by bisection."""
    low, high = 0.0, 1.0
    for _ in range(12):
        middle = (low + high) / 2
        images = sampled(world, loss, method.at(middle), sampler, steps, 500)
        low, high = (low, middle) if error(world, loss, images) > 0 else (middle, high)
    return method.at(high)


@dataclass
class Row:
    """What a method draws beside what it should."""

    mean: float  # error of the similarity's mean, in standard deviations
    variance: float  # of the similarity, as a share of the right one
    pixels: float  # root mean square over pixels of the error of the mean, in standard deviations
    spread: float  # mean over pixels of the variance as a share of the right one


def measured(world: GaussianWorld, loss: str, images: Tensor) -> Row:
    """Return the errors of images (B, N) that should have the guided distribution."""
    mean, covariance = world.guided(loss)
    right = covariance.diag()
    apart = (images.mean(0) - mean) / right.sqrt()
    return Row(
        error(world, loss, images),
        float((images @ world.a).var() / (world.a @ covariance @ world.a)),
        float(apart.square().mean().sqrt()),
        float((images.var(0) / right).mean()),
    )


def rows(settings: Settings) -> Iterator[tuple[str, list[Row]]]:
    """Yield each method's name and its rows, one for each loss."""
    world, sampler = GaussianWorld.usual(), SAMPLERS[settings.sampler]()
    for method in methods():
        if method.tuned == "spherical" and not sampler.draws_noise:
            continue
        found = []
        for loss in LOSSES:
            chosen = method
            if method.tuned:
                chosen = tuned(world, loss, method, sampler, settings.steps)
            images = sampled(world, loss, chosen, sampler, settings.steps, settings.count)
            found.append(measured(world, loss, images))
        yield method.name, found


def table(settings: Settings) -> None:
    """Print the table in Markdown."""
    settings.check()
    head = ["Method"]
    for loss in LOSSES:
        head += [f"{loss}: mean", "variance", "pixels: mean", "variance"]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for name, found in rows(settings):
        cells = [name]
        for row in found:
            cells += [f"{row.mean:+.2f}", f"{row.variance:.2f}"]
            cells += [f"{row.pixels:.2f}", f"{row.spread:.2f}"]
        print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main(Settings, table)
