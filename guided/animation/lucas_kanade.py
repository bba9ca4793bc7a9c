"""Optical flow between two pictures, without a network: coarse to fine, in small steps of Lucas
and Kanade 1981, "An Iterative Image Registration Technique", over windows about each pixel.

Enough for films of a few pixels a frame.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.animation.warp import moved

COARSEST, ITERATIONS = 12, 8  # pixels of the shorter side, and steps at each size
WINDOW = 7  # pixels
LEAST = 1e-4  # that keeps flow at rest where the picture is plain


def flow(before: Tensor, after: Tensor) -> Tensor:
    """Return the flow (H, W, 2) in pixels: what is at p in `after` (1, 3, H, W) was at p + flow in
    `before`."""
    one, other = (image.mean(1, keepdim=True) for image in (before, after))
    return refined(one, other)


def refined(before: Tensor, after: Tensor) -> Tensor:
    """Return the flow of grey pictures (1, 1, H, W): that of halved ones, corrected."""
    height, width = before.shape[2:]
    found = torch.zeros(height, width, 2)
    if min(height, width) >= 2 * COARSEST:
        size = (height // 2, width // 2)
        halves = (F.interpolate(image, size, mode="area") for image in (before, after))
        coarse = refined(*halves).permute(2, 0, 1)[None]
        scale = torch.tensor([width / size[1], height / size[0]])
        larger = F.interpolate(coarse, (height, width), mode="bilinear")
        found = larger[0].permute(1, 2, 0) * scale
    for _ in range(ITERATIONS):
        found = smoothed(found + step(before, after, found))
    return found


def step(before: Tensor, after: Tensor, found: Tensor) -> Tensor:
    """Return the correction (H, W, 2) of a flow, least squares over the window of each pixel."""
    there = moved(before, found)
    across, down = gradients(there)
    late = after - there
    products = torch.cat([across**2, across * down, down**2, across * late, down * late], 1)
    xx, xy, yy, xt, yt = blurred(products)[0]
    determinant = (xx + LEAST) * (yy + LEAST) - xy**2
    x = ((yy + LEAST) * xt - xy * yt) / determinant
    y = ((xx + LEAST) * yt - xy * xt) / determinant
    return torch.stack([x, y], -1).clamp(-1, 1)


def gradients(image: Tensor) -> tuple[Tensor, Tensor]:
    """Return the central differences of an image (1, 1, H, W) across and down."""
    wide = F.pad(image, (1, 1, 1, 1), mode="replicate")
    across = (wide[..., 1:-1, 2:] - wide[..., 1:-1, :-2]) / 2
    return across, (wide[..., 2:, 1:-1] - wide[..., :-2, 1:-1]) / 2


def blurred(values: Tensor) -> Tensor:
    """Return the mean of values (1, C, H, W) over windows."""
    pad = WINDOW // 2
    wide = F.pad(values, (pad,) * 4, mode="replicate")
    return F.avg_pool2d(wide, WINDOW, 1)


def smoothed(found: Tensor) -> Tensor:
    """Return a flow without outliers: the mean of each pixel's surroundings."""
    wide = F.pad(found.permute(2, 0, 1)[None], (1, 1, 1, 1), mode="replicate")
    return F.avg_pool2d(wide, 3, 1)[0].permute(1, 2, 0)
