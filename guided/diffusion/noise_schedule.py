"""Noise schedules, and the timeline of a run.

x = alpha * image + sigma * eps throughout, with alpha**2 + sigma**2 = 1. Tables are float64 on the
CPU: a step reads two Python floats from them, so that they have full precision on devices without
float64 (Apple's MPS) too, where only the product with the float32 image is rounded.

Ho et al. 2020 (linear), https://arxiv.org/abs/2006.11239
Nichol and Dhariwal 2021 (cosine, respacing), https://arxiv.org/abs/2102.09672
Lipman et al. 2022 (flow matching), https://arxiv.org/abs/2210.02747
"""

import math
from itertools import accumulate, repeat

import torch
from torch import Tensor

from guided.diffusion.unet_config import FLOW, SCHEDULES, SPACINGS
from guided.timeline import Timeline


def betas(schedule: str, steps: int, noise: float = 1) -> Tensor:
    """Return beta (steps,), float64: the variance that each step of the forward process adds.
    ValueError for an unknown schedule.

    `flow`: the times of flow matching fall evenly, where alpha / sigma is t / (noise * (1 - t));
    `noise` is the standard deviation of its noise."""
    if schedule == "linear":
        scale = 1000 / steps
        return torch.linspace(scale * 1e-4, scale * 0.02, steps, dtype=torch.float64)
    if schedule == "cosine":
        t = torch.arange(steps + 1, dtype=torch.float64) / steps
        bar = torch.cos((t + 0.008) / 1.008 * math.pi / 2) ** 2
        return (1 - bar[1:] / bar[:-1]).clamp(max=0.999)
    if schedule == FLOW:
        t = 1 - (torch.arange(steps, dtype=torch.float64) + 0.5) / steps
        clear, noisy = t.square(), (noise * (1 - t)).square()
        bar = torch.cat([torch.ones(1, dtype=torch.float64), clear / (clear + noisy)])
        return 1 - bar[1:] / bar[:-1]
    raise ValueError(f"schedule={schedule} is not one of {', '.join((*SCHEDULES, FLOW))}")


def timeline(schedule: str, steps: int, spacing: str = "ddim", noise: float = 1) -> Timeline:
    """Return the timeline of `steps` (1 or more) steps of the forward process; `noise` as in
    `betas`.

    `ddim` spacing strides evenly from 0 and never reaches the last, noisiest step; where `steps`
    does not divide 1000 the process itself has (1000 // steps) * steps steps, as in Disco
    Diffusion. `even` spacing spreads the steps over 0..999, both ends included. Above 1000 the
    process has that many steps. ValueError for steps < 1 or an unknown spacing.
    """
    if steps < 1:
        raise ValueError(f"steps={steps} must be at least 1")
    if spacing not in SPACINGS:
        raise ValueError(f"spacing={spacing} is not one of {', '.join(SPACINGS)}")
    total = max(1000, steps)
    if spacing == "ddim" and steps < 1000:
        total = 1000 // steps * steps
    positions = ddim_spacing(total, steps) if spacing == "ddim" else even_spacing(total, steps)
    bar = torch.cumprod(1 - betas(schedule, total, noise), dim=0)
    times = tuple(i * 1000 / total for i in positions)
    return Timeline(times, tuple(bar[i].item() for i in positions))


def ddim_spacing(total: int, steps: int) -> list[int]:
    """Return the positions 0, total // steps, ... of a process of `total` steps."""
    return list(range(0, total, total // steps))


def even_spacing(total: int, steps: int) -> list[int]:
    """Return `steps` positions spread over 0 .. total - 1, both ends included.

    The stride is accumulated, not multiplied: the rounding errors of the sum decide ties, and so
    the steps that guided-diffusion's respacing chooses."""
    stride = (total - 1) / max(steps - 1, 1)
    return [round(at) for at in accumulate(repeat(stride, steps - 1), initial=0.0)]
