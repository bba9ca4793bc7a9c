"""Colours of a film's frames, matched partly to a moving average of those before.

Repeated drawing lets colours drift. Matching in Lab by mean and standard deviation is Reinhard et
al. 2001, "Color Transfer between Images", https://doi.org/10.1109/38.946629; partly, and to an
average that moves, so that the palette is not frozen.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1.0  # standard deviation, of Lab's 100, below which a channel is not stretched
WIDEST = 1.5  # factor by which a channel is stretched or flattened, at most
Statistics = list[float]  # the means of L, a and b, and their standard deviations


def statistics(image: Tensor) -> Statistics:
    """Return the statistics of an image (1, 3, H, W) in [0, 1]."""
    lab = as_lab(image).flatten(2)[0]
    found = [*lab.mean(1).tolist(), *lab.std(1, correction=0).tolist()]
    return [round(number, 4) for number in found]


def followed(reference: Statistics | None, now: Statistics, memory: float) -> Statistics:
    """Return the moving average after a frame with the statistics `now`; `memory` is the share
    that the average before keeps."""
    if reference is None:
        return now
    both = zip(reference, now, strict=True)
    return [round(memory * old + (1 - memory) * new, 4) for old, new in both]


def matched(image: Tensor, reference: Statistics, share: float) -> Tensor:
    """Return the image (1, 3, H, W) in [0, 1] with its statistics brought nearer to the reference
    by a share, 0 to 1."""
    from kornia.color import lab_to_rgb

    lab = as_lab(image)
    mean = lab.mean((2, 3), keepdim=True)
    deviation = lab.std((2, 3), correction=0, keepdim=True)
    aims = torch.tensor(reference, dtype=lab.dtype).view(2, 1, 3, 1, 1)
    factor = (aims[1].clamp(min=LEAST) / deviation.clamp(min=LEAST)).clamp(1 / WIDEST, WIDEST)
    nearer = (lab - mean) * (1 + share * (factor - 1)) + mean + share * (aims[0] - mean)
    return lab_to_rgb(nearer).clamp(0, 1)


def as_lab(image: Tensor) -> Tensor:
    """Return an image in [0, 1] as L in [0, 100], a and b."""
    from kornia.color import rgb_to_lab

    return rgb_to_lab(image.clamp(0, 1))
