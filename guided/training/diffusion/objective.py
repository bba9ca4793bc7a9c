"""What a diffusion model is asked while it learns: guess v, the noise or the image at random
times; and, where it also says how much noise to add, get that variance right.

Knows nothing about data. The mathematics is guided-diffusion's.

v-prediction: Salimans and Ho, "Progressive Distillation", 2022, https://arxiv.org/abs/2202.00512
learned variance: Nichol and Dhariwal, "Improved DDPM", 2021, section 3.1,
https://arxiv.org/abs/2102.09672
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from guided.diffusion.noise_schedule import betas
from guided.diffusion.parametrisation import clean, noised

STEPS = 1000  # of the forward process
MIDDLE = (0.25, 0.95)  # of the process: what is decided before is detail, after it nothing
VARIANCE_WEIGHT = 1e-3  # of the variational bound beside the plain error, per step of the process
LARGEST = 20.0  # weight of an error of x0
Guesser = Callable[[Tensor, Tensor], Tensor]  # noisy images, times -> clean ones


@dataclass
class Objective:
    """Of one schedule ("cosine", "linear") and prediction ("v", "eps", "x0")."""

    schedule: str
    prediction: str
    classes: int = 0  # a network with classes is told any, as it is when it draws
    middle: float = 0.0  # share of the times from MIDDLE, where shapes are decided

    def __post_init__(self) -> None:
        self.betas = betas(self.schedule, STEPS)
        self.bar = torch.cumprod(1 - self.betas, 0)

    def loss(self, model: nn.Module, images: Tensor, rng: torch.Generator) -> Tensor:
        """Mean error at times spread evenly over the batch; images (B, 3, H, W) in [-1, 1]."""
        t, noise, alpha, sigma = self.draw(images, rng)
        x = noised(images, noise, alpha, sigma)
        told = [t.to(images.device, torch.float32)]
        if self.classes:
            told.append(torch.randint(self.classes, t.shape, generator=rng).to(images.device))
        said = model(x, *told).float()
        out, spread = said.split(3, 1) if said.shape[1] == 6 else (said, None)
        target = self.target(images, noise, alpha, sigma)
        error = (self.weight(sigma) * (out - target).square()).mean()
        if spread is None:
            return error
        pred = clean(self.prediction, x, out.detach(), alpha, sigma)
        return error + self.bound(images, x, pred, spread, t) * STEPS * VARIANCE_WEIGHT

    def first_guess(self, guess: Guesser, images: Tensor, rng: torch.Generator) -> Tensor:
        """Mean error of guesses of the clean images themselves, at times as above."""
        t, noise, alpha, sigma = self.draw(images, rng)
        told = t.to(images.device, torch.float32)
        said = guess(noised(images, noise, alpha, sigma), told)
        return (said.float() - images).square().mean()

    def draw(self, images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Times (B,), noise like `images`, and alpha and sigma (B, 1, 1, 1)."""
        t = times(len(images), rng, self.middle)
        noise = torch.randn(images.shape, generator=rng).to(images.device)
        alpha, sigma = (part.to(images) for part in self.scales(t))
        return t, noise, alpha, sigma

    def scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """(B,) times -> alpha, sigma (B, 1, 1, 1)."""
        bar = self.bar[t].view(-1, 1, 1, 1)
        return bar.sqrt(), (1 - bar).sqrt()

    def target(self, images: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """What the network should say."""
        if self.prediction == "v":
            return alpha * noise - sigma * images
        return noise if self.prediction == "eps" else images

    def weight(self, sigma: Tensor) -> Tensor | float:
        """Of a squared error at noise `sigma`. One of x0 counts as it would for v, until there is
        so little noise that no error is seen: Hang et al., "Min-SNR weighting", 2023,
        https://arxiv.org/abs/2303.09556"""
        return sigma.square().reciprocal().clamp(max=LARGEST) if self.prediction == "x0" else 1.0

    def bound(self, images: Tensor, x: Tensor, pred: Tensor, spread: Tensor, t: Tensor) -> Tensor:
        """The variational bound in bits per dimension, as a lesson for `spread` alone: how far
        the model's step x_t -> x_(t-1) is from the true one."""
        before = torch.cat([self.bar.new_ones(1), self.bar[:-1]])
        variance = self.betas * (1 - before) / (1 - self.bar)
        variance[0] = variance[1]  # of the last step nothing is left, and a logarithm follows
        parts = (
            variance.log(),
            self.betas.log(),
            self.betas * before.sqrt() / (1 - self.bar),
            (1 - before) * (1 - self.betas).sqrt() / (1 - self.bar),
        )
        low, high, of_image, of_x = (part[t].view(-1, 1, 1, 1).to(x) for part in parts)
        log_variance = low.lerp(high, spread / 2 + 0.5)
        mean, guess = of_image * images + of_x * x, of_image * pred + of_x * x
        apart = gap(mean, low, guess, log_variance)
        ending = -discretised(images, guess, log_variance / 2)
        first = (t == 0).view(-1, 1, 1, 1).to(x.device)
        return torch.where(first, ending, apart).mean() / math.log(2)


def times(count: int, rng: torch.Generator, middle: float = 0.0) -> Tensor:
    """(count,) whole steps, one from each of `count` equal stretches of the process; of the last
    `middle` of them, the stretches of MIDDLE."""
    inside = round(count * middle)
    parts = [(count - inside, 0.0, 1.0), (inside, *MIDDLE)]
    even = torch.cat([
        low + (high - low) * (torch.arange(n) + torch.rand(n, generator=rng)) / max(n, 1)
        for n, low, high in parts
    ])  # fmt: skip
    return (even * STEPS).long().clamp(max=STEPS - 1)


def gap(mean_a: Tensor, log_a: Tensor, mean_b: Tensor, log_b: Tensor) -> Tensor:
    """Kullback-Leibler divergence of normal distributions given by mean and log variance."""
    return 0.5 * (log_b - log_a - 1 + (log_a - log_b).exp() + (mean_a - mean_b) ** 2 / log_b.exp())


def discretised(image: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Log probability of 8-bit pixels in [-1, 1] under a normal distribution cut into 256 bins,
    the outermost open."""
    spread = (-log_scale).exp()
    above = normal_cdf(spread * (image - mean + 1 / 255))
    below = normal_cdf(spread * (image - mean - 1 / 255))
    inside = torch.where(image > 0.999, 1 - below, above - below)
    return torch.where(image < -0.999, above, inside).clamp(min=1e-12).log()


def normal_cdf(x: Tensor) -> Tensor:
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
