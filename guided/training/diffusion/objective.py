"""The loss of a diffusion model: the squared error of its prediction of v, noise or image at
random times, and the variational bound for a learned variance, as in guided-diffusion.

v-prediction: Salimans and Ho, "Progressive Distillation", 2022, https://arxiv.org/abs/2202.00512
learned variance: Nichol and Dhariwal, "Improved DDPM", 2021, section 3.1,
https://arxiv.org/abs/2102.09672
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.noise_schedule import betas
from guided.diffusion.parametrisation import clean, noised

STEPS = 1000  # of the forward process
MIDDLE = (0.25, 0.95)  # part of the process in which shapes are decided
LOW = (0.0, 0.4)  # part of the process in which details are decided, and grain removed
VARIANCE_WEIGHT = 1e-3  # of the variational bound beside the squared error, per step
LARGEST = 20.0  # weight of a squared error of x0
Predictor = Callable[[Tensor, Tensor], Tensor]  # noisy images, times -> clean images
Network = Callable[..., Tensor]  # noisy images, times and, with classes, labels -> output


@dataclass
class Objective:
    """The loss for a schedule ("cosine", "linear") and a prediction ("v", "eps", "x0")."""

    schedule: str
    prediction: str
    classes: int = 0  # of the network; labels are random, as when it samples
    middle: float = 0.0  # share of the times from MIDDLE
    low: float = 0.0  # share of the times from LOW

    def __post_init__(self) -> None:
        self.betas = betas(self.schedule, STEPS)
        self.bar = torch.cumprod(1 - self.betas, 0)

    def loss(self, model: Network, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return the mean loss of images (B, 3, H, W) in [-1, 1] at stratified times."""
        t, noise, alpha, sigma = self.draw(images, rng)
        x = noised(images, noise, alpha, sigma)
        inputs = [t.to(images.device, torch.float32)]
        if self.classes:
            inputs.append(torch.randint(self.classes, t.shape, generator=rng).to(images.device))
        output = model(x, *inputs).float()
        out, variance = output.split(3, 1) if output.shape[1] == 6 else (output, None)
        target = self.target(images, noise, alpha, sigma)
        error = (self.weight(sigma) * (out - target).square()).mean()
        if variance is None:
            return error
        pred = clean(self.prediction, x, out.detach(), alpha, sigma)
        return error + self.bound(images, x, pred, variance, t) * STEPS * VARIANCE_WEIGHT

    def first_guess(self, predict: Predictor, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return the mean squared error of predictions of the clean images (B, 3, H, W)."""
        t, noise, alpha, sigma = self.draw(images, rng)
        times = t.to(images.device, torch.float32)
        prediction = predict(noised(images, noise, alpha, sigma), times)
        return (prediction.float() - images).square().mean()

    def draw(self, images: Tensor, rng: torch.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return random times (B,), noise like `images`, and alpha and sigma (B, 1, 1, 1)."""
        t = times(len(images), rng, self.middle, self.low)
        noise = torch.randn(images.shape, generator=rng).to(images.device)
        alpha, sigma = (part.to(images) for part in self.scales(t))
        return t, noise, alpha, sigma

    def scales(self, t: Tensor) -> tuple[Tensor, Tensor]:
        """Return alpha and sigma (B, 1, 1, 1) of times (B,)."""
        bar = self.bar[t].view(-1, 1, 1, 1)
        return bar.sqrt(), (1 - bar).sqrt()

    def target(self, images: Tensor, noise: Tensor, alpha: Tensor, sigma: Tensor) -> Tensor:
        """Return the target of the network's output."""
        if self.prediction == "v":
            return alpha * noise - sigma * images
        return noise if self.prediction == "eps" else images

    def weight(self, sigma: Tensor) -> Tensor | float:
        """Return the weight of a squared error at noise `sigma`: 1, and for x0 the weight that
        equals v's, clamped at LARGEST (Hang et al., "Min-SNR weighting", 2023,
        https://arxiv.org/abs/2303.09556)."""
        return sigma.square().reciprocal().clamp(max=LARGEST) if self.prediction == "x0" else 1.0

    def bound(self, images: Tensor, x: Tensor, pred: Tensor, output: Tensor, t: Tensor) -> Tensor:
        """Return the variational bound in bits per dimension: the divergence of the model's step
        x_t -> x_(t-1) from the true one. Gradients reach the variance's `output` alone."""
        before = torch.cat([self.bar.new_ones(1), self.bar[:-1]])
        variance = self.betas * (1 - before) / (1 - self.bar)
        variance[0] = variance[1]  # instead of 0, for the logarithm
        parts = (
            variance.log(),
            self.betas.log(),
            self.betas * before.sqrt() / (1 - self.bar),
            (1 - before) * (1 - self.betas).sqrt() / (1 - self.bar),
        )
        low, high, of_image, of_x = (part[t].view(-1, 1, 1, 1).to(x) for part in parts)
        log_variance = low.lerp(high, output / 2 + 0.5)
        mean, predicted = of_image * images + of_x * x, of_image * pred + of_x * x
        divergence = kl(mean, low, predicted, log_variance)
        likelihood = -discretised(images, predicted, log_variance / 2)
        first = (t == 0).view(-1, 1, 1, 1).to(x.device)
        return torch.where(first, likelihood, divergence).mean() / math.log(2)


def times(count: int, rng: torch.Generator, middle: float = 0.0, low: float = 0.0) -> Tensor:
    """Return whole times (count,), one from each of equal intervals of the process; the last
    shares of them, `middle` and `low`, from intervals of MIDDLE and LOW."""
    inside = round(count * middle)
    below = round(count * (middle + low)) - inside
    shares = [(inside, *MIDDLE), (below, *LOW)]
    rest = count - inside - below
    even = torch.cat([
        begin + (end - begin) * (torch.arange(n) + torch.rand(n, generator=rng)) / max(n, 1)
        for n, begin, end in [(rest, 0.0, 1.0), *shares]
    ])  # fmt: skip
    return (even * STEPS).long().clamp(max=STEPS - 1)


def kl(mean_a: Tensor, log_a: Tensor, mean_b: Tensor, log_b: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence of normal distributions, given by mean and log
    variance, a from b."""
    return 0.5 * (log_b - log_a - 1 + (log_a - log_b).exp() + (mean_a - mean_b) ** 2 / log_b.exp())


def discretised(image: Tensor, mean: Tensor, log_scale: Tensor) -> Tensor:
    """Return the log probability of 8-bit pixels in [-1, 1] under a normal distribution in 256
    bins, the outermost open."""
    precision = (-log_scale).exp()
    above = normal_cdf(precision * (image - mean + 1 / 255))
    below = normal_cdf(precision * (image - mean - 1 / 255))
    inside = torch.where(image > 0.999, 1 - below, above - below)
    return torch.where(image < -0.999, above, inside).clamp(min=1e-12).log()


def normal_cdf(x: Tensor) -> Tensor:
    """Return a fast approximation of the standard normal distribution function."""
    return 0.5 * (1 + torch.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
