"""Seams: the colours of the part drawn anew, matched to the kept part along their border.

The small differences across the border are carried smoothly into the drawn part and added, as
the membrane of gradient-domain blending is (Perez, Gangnet and Blake 2003, "Poisson Image
Editing", https://doi.org/10.1145/882262.882269). Large ones are edges of the picture and stay. The
values between those of the border come from coarser and coarser means: Gortler et al. 1996, "The
Lumigraph" (section 3.4, pull and push), https://doi.org/10.1145/237170.237200
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

LARGEST = 0.08  # difference, of 1, that is not taken for an edge of the picture
CELLS = 16  # along the short side, in each of which the differences are averaged
SIDES = ((2, 1), (2, -1), (3, 1), (3, -1))  # dimension and step to the four neighbours


def matched(image: Tensor, kept: Tensor, mask: Tensor) -> Tensor:
    """Return the image (B, 3, H, W) in [0, 1] with the colours of the drawn part matched to the
    pixels that are kept. `kept`, of that shape, is the picture where `mask` (1, 1, H, W) is 0."""
    drawn = (mask > 0).expand(len(image), -1, -1, -1)
    sums, counts = torch.zeros_like(image), torch.zeros_like(image[:, :1])
    for dim, step in SIDES:
        difference = neighbour(kept, dim, step) - image
        small = difference.abs().amax(1, keepdim=True) < LARGEST
        border = small & drawn & neighbour(~drawn, dim, step)
        sums = sums + difference * border
        counts = counts + border
    if not counts.any():
        return image
    cell = max(1, round(min(image.shape[2:]) / CELLS))
    values, weights = (F.avg_pool2d(t, cell, ceil_mode=True) for t in (sums, counts))
    shift = F.interpolate(filled(values, weights), image.shape[2:], mode="bilinear")
    return torch.where(drawn, image + shift, image)


def neighbour(values: Tensor, dim: int, step: int) -> Tensor:
    """Return for each pixel of (B, C, H, W) the value of its neighbour; its own at the edge."""
    length = values.shape[dim]
    places = (torch.arange(length, device=values.device) + step).clamp(0, length - 1)
    return values.index_select(dim, places)


def filled(sums: Tensor, weights: Tensor) -> Tensor:
    """Return sums (B, 3, h, w) divided by weights (B, 1, h, w), and smooth values between them
    where there are none."""
    values = sums / weights.clamp(min=1e-9)
    if max(sums.shape[2:]) == 1:
        return values
    halves = (F.avg_pool2d(t, 2, ceil_mode=True) for t in (sums, weights))
    coarse = F.interpolate(filled(*halves), sums.shape[2:], mode="bilinear")
    return torch.where(weights > 0, values, coarse)
