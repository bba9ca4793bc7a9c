"""The noise levels of Stable Diffusion's training.

Rombach et al. 2022, https://arxiv.org/abs/2112.10752: the square roots of the variances of the
forward process rise linearly.
"""

from __future__ import annotations

import torch

from guided.timeline import Timeline

FIRST, LAST = 0.00085, 0.012  # variances of the first and the last of 1000 steps


def latent_timeline(steps: int) -> Timeline:
    """Return the timeline of `steps` (1 or more) steps of the forward process.

    They fall evenly from timestep 1 on: where their number divides 1000, those of diffusers'
    schedulers with timestep_spacing=leading and steps_offset=1. From 1000 steps on the process has
    as many. ValueError for steps < 1."""
    if steps < 1:
        raise ValueError(f"steps={steps} must be at least 1")
    total = max(1000, steps)
    scale = 1000 / total
    roots = torch.linspace(
        (scale * FIRST) ** 0.5, (scale * LAST) ** 0.5, total, dtype=torch.double
    )
    bar = torch.cumprod(1 - roots.square(), dim=0)
    offset = int(steps < total)
    positions = [k * total // steps + offset for k in range(steps)]
    times = tuple(k * scale for k in positions)
    return Timeline(times, tuple(bar[k].item() for k in positions))
