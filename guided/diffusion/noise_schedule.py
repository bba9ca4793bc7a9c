"""Noise: how much of it there is at each step of a run, and where the random numbers come from.

Knows nothing about networks or guidance. x = alpha * pred + sigma * eps throughout, with
alpha**2 + sigma**2 = 1. Tables are float64 and live on the CPU: a step reads two plain Python
floats from them, so they have full precision on devices without float64 (Apple's MPS) too, where
only the product with the float32 image is rounded.

Ho et al. 2020 (linear), https://arxiv.org/abs/2006.11239
Nichol and Dhariwal 2021 (cosine, respacing), https://arxiv.org/abs/2102.09672
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, repeat

import torch
from torch import Tensor

from guided.devices import sent
from guided.diffusion.unet_config import SCHEDULES, SPACINGS


def betas(schedule: str, steps: int) -> Tensor:
    """The forward process: (steps,) float64, each the share of variance that a step adds."""
    if schedule == "linear":
        scale = 1000 / steps
        return torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64)
    if schedule == "cosine":
        t = torch.arange(steps + 1, dtype=torch.float64) / steps
        bar = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
        return (1 - bar[1:] / bar[:-1]).clamp(max=0.999)
    raise ValueError(f"schedule={schedule} is not one of {', '.join(SCHEDULES)}")


@dataclass(frozen=True)
class Timeline:
    """The steps of one run. Position i counts from 0 (nearly clean) to len - 1 (nearly all
    noise); position -1 is the clean image."""

    times: tuple[float, ...]  # what the network is told, 0..1000
    alpha_bar: tuple[float, ...]  # alpha**2 at each position

    def __len__(self) -> int:
        return len(self.times)

    def scales(self, i: int) -> tuple[float, float]:
        """(alpha, sigma) at position i."""
        if i < 0:
            return 1.0, 0.0
        return math.sqrt(self.alpha_bar[i]), math.sqrt(1 - self.alpha_bar[i])

    def progress(self, i: int) -> float:
        """How far a run is at position i, 0..1: by time, not by steps taken, so that schedules
        mean the same however many steps there are."""
        return (999 - int(self.times[i])) / 1000

    def renoise(self, i: int) -> tuple[float, float]:
        """(scale, sigma) that take x from position i - 1 back to i: x * scale + sigma * noise."""
        (alpha, sigma), (alpha_s, sigma_s) = self.scales(i), self.scales(i - 1)
        scale = alpha / alpha_s
        return scale, math.sqrt(max(0.0, sigma**2 - scale**2 * sigma_s**2))


def timeline(schedule: str, steps: int, spacing: str = "ddim") -> Timeline:
    """Choose `steps` (1 or more) of the forward process.

    `ddim` strides evenly from 0 and never reaches the last, noisiest step; where `steps` does not
    divide 1000 the process itself gets (1000 // steps) * steps steps, as Disco Diffusion did.
    `even` spreads a plain count over 0..999, both ends included. Above 1000 the process simply
    has that many steps.
    """
    if steps < 1:
        raise ValueError(f"steps={steps} must be at least 1")
    if spacing not in SPACINGS:
        raise ValueError(f"spacing={spacing} is not one of {', '.join(SPACINGS)}")
    total = max(1000, steps)
    if spacing == "ddim" and steps < 1000:
        total = 1000 // steps * steps
    keep = ddim_spacing(total, steps) if spacing == "ddim" else even_spacing(total, steps)
    bar = torch.cumprod(1 - betas(schedule, total), dim=0)
    times = tuple(i * 1000 / total for i in keep)
    return Timeline(times, tuple(bar[i].item() for i in keep))


def ddim_spacing(total: int, steps: int) -> list[int]:
    return list(range(0, total, total // steps))


def even_spacing(total: int, steps: int) -> list[int]:
    """The stride is added up, not multiplied: the rounding errors of the sum decide halves, and
    which steps checkpoints were respaced to."""
    stride = (total - 1) / max(steps - 1, 1)
    return [round(at) for at in accumulate(repeat(stride, steps - 1), initial=0.0)]


class Dice:
    """Random numbers with one stream per image, so that an image does not depend on its
    neighbours in a batch. Drawn on the CPU: every device starts from the same noise."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal_like(self, x: Tensor) -> Tensor:
        """Standard normal noise of x's shape (B, ...), dtype and device."""
        noise = [
            torch.randn(x.shape[1:], generator=g, dtype=torch.float32) for g in self.generators
        ]
        return sent(torch.stack(noise), x)

    def of(self, b: int) -> "Dice":
        """The stream of image b alone; what is drawn from one is drawn from the other."""
        one = Dice([])
        one.generators = [self.generators[b]]
        return one

    def state(self) -> Tensor:
        """(B, bytes): where each stream is by now."""
        return torch.stack([g.get_state() for g in self.generators])

    def go_on(self, state: Tensor) -> None:
        """From where the streams were when their state was taken."""
        for g, bytes_ in zip(self.generators, state.cpu(), strict=True):
            g.set_state(bytes_.clone())

    def seeds(self) -> list[int]:
        """A fresh seed per image, for libraries that only know the global generator."""
        return [int(torch.randint(2**62, (), generator=g)) for g in self.generators]
