"""White noise that moves with the camera, as the picture does that is drawn with it.

The noise of a pixel is split into parts that are as independent of each other as those of several
pixels. Each part goes to the pixel in which it comes to lie, and the noise there is the sum of its
parts over the root of their number; where none came to lie, it is new. No part counts twice, so
that the noise stays Gaussian and white: the integral noise of Chang et al. 2024, "How I Warped
Your Noise", https://openreview.net/forum?id=pzElnMrgSD, with parts moved forwards.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from guided.animation.camera import Matrix

SIDE = 4  # parts along a side of a pixel


def split(noise: Tensor, dice: torch.Generator) -> Tensor:
    """Return the parts (C, H, SIDE, W, SIDE) of noise (C, H, W): standard normal and independent,
    each pixel's sum over SIDE being its noise."""
    channels, height, width = noise.shape
    parts = torch.randn(channels, height, SIDE, width, SIDE, generator=dice)
    return parts - parts.mean((2, 4), keepdim=True) + noise[:, :, None, :, None] / SIDE


def moved(noise: Tensor, mapped: Matrix, wraps: bool, dice: torch.Generator) -> Tensor:
    """Return white noise (1, C, H, W) under a map (3, 3) of the plane; with `wraps` what leaves it
    comes back at the other side."""
    _, channels, height, width = noise.shape
    parts = split(noise[0], dice)
    new = torch.randn(noise.shape, generator=dice)
    # A part is anywhere within its square, so that moves of less than a part add up too.
    across = (torch.arange(width * SIDE) + torch.rand(height * SIDE, 1, generator=dice)) / SIDE
    down = (torch.arange(height * SIDE)[:, None] + torch.rand(width * SIDE, generator=dice)) / SIDE
    places = torch.stack([across, down, torch.ones_like(down)], -1).double()
    places = places @ torch.from_numpy(mapped).T
    ahead = places[..., 2] > 1e-9
    x, y = (places[..., :2] / places[..., 2:].clamp(min=1e-9)).floor().unbind(-1)
    if wraps:
        x, y = x.remainder(width), y.remainder(height)
    inside = ahead & (x >= 0) & (x < width) & (y >= 0) & (y < height)
    index = (y * width + x)[inside].long()
    counts = torch.bincount(index, minlength=height * width)
    sums = torch.stack([
        torch.bincount(index, part.reshape(inside.shape)[inside].double(), height * width)
        for part in parts
    ])  # fmt: skip
    kept = (sums / counts.clamp(min=1).sqrt()).view(1, channels, height, width)
    return torch.where(counts.view(height, width) > 0, kept.float(), new)
