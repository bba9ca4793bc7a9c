"""Colours of a film's frames, matched partly to a moving average of those before.

Repeated drawing lets colours drift. Matching in Lab by mean and standard deviation is Reinhard et
al. 2001, "Color Transfer between Images", https://doi.org/10.1109/38.946629; partly, and to an
average that moves, so that the palette is not frozen. The average is of what earlier frames show
too, and follows the camera: what it brings into view, and makes larger, is no drift.
"""

from __future__ import annotations

import torch
from torch import Tensor

LEAST = 1.0  # standard deviation, of Lab's 100, below which a channel is not stretched
WIDEST = 1.5  # factor by which a channel is stretched or flattened, at most
Statistics = list[float]  # the means of L, a and b, and their standard deviations


def statistics(image: Tensor, shown: Tensor | None = None) -> Statistics:
    """Return the statistics of an image (1, 3, H, W) in [0, 1], of its pixels where the mask
    `shown` (1, 1, H, W) is true; of all if there is none, or nothing in it."""
    lab = as_lab(image)[0]
    lab = lab.flatten(1) if shown is None or not shown.any() else lab[:, shown[0, 0]]
    found = [*lab.mean(1).tolist(), *lab.std(1, correction=0).tolist()]
    return [round(number, 4) for number in found]


def followed(reference: Statistics | None, now: Statistics, memory: float) -> Statistics:
    """Return the moving average after a frame with the statistics `now`; `memory` is the share
    that the average before keeps."""
    if reference is None:
        return now
    both = zip(reference, now, strict=True)
    return [round(memory * old + (1 - memory) * new, 4) for old, new in both]


def carried(reference: Statistics, before: Statistics, after: Statistics) -> Statistics:
    """Return the reference behind a camera's move that changed the statistics of a picture."""
    moved = [old + b - a for old, a, b in zip(reference, before, after, strict=True)]
    return [round(number, 4) for number in (*moved[:3], *(max(0.0, one) for one in moved[3:]))]


def matched(image: Tensor, now: Statistics, reference: Statistics, share: float) -> Tensor:
    """Return the image (1, 3, H, W) in [0, 1], whose statistics are `now`, with these brought
    nearer to the reference by a share, 0 to 1."""
    from kornia.color import lab_to_rgb

    if not share:
        return image
    lab = as_lab(image)
    mean, deviation = torch.tensor(now, dtype=lab.dtype).view(2, 1, 3, 1, 1)
    aims = torch.tensor(reference, dtype=lab.dtype).view(2, 1, 3, 1, 1)
    factor = (aims[1].clamp(min=LEAST) / deviation.clamp(min=LEAST)).clamp(1 / WIDEST, WIDEST)
    nearer = (lab - mean) * (1 + share * (factor - 1)) + mean + share * (aims[0] - mean)
    return lab_to_rgb(nearer).clamp(0, 1)


def as_lab(image: Tensor) -> Tensor:
    """Return an image in [0, 1] as L in [0, 100], a and b."""
    from kornia.color import rgb_to_lab

    return rgb_to_lab(image.clamp(0, 1))
