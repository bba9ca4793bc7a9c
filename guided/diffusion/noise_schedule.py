"""Noise: how much of it there is at each step of a run, and where the random numbers come from.

Knows nothing about networks or guidance. x = alpha * pred + sigma * eps throughout, with
alpha**2 + sigma**2 = 1. Tables are float64 and live on the CPU: a step reads two plain Python
floats from them, so they have full precision on devices without float64 (Apple's MPS) too, where
only the product with the float32 image is rounded.

Ho et al. 2020 (linear), https://arxiv.org/abs/2006.11239
Nichol and Dhariwal 2021 (cosine, respacing), https://arxiv.org/abs/2102.09672
"""

import math
from itertools import accumulate, repeat

import torch
from torch import Tensor

from guided.diffusion.unet_config import SCHEDULES, SPACINGS
from guided.timeline import Timeline


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
