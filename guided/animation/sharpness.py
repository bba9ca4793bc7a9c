"""Sharpness of frames: detail, which is what a blur takes away, added to a picture.

Each warp softens a picture a little, and blends of two warped pictures are softer still. Detail is
the difference from the picture blurred by a binomial filter of 5x5 pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

MOST = 1.0  # times its own detail that is added to a blend


def detail(image: Tensor) -> Tensor:
    """Return the detail of an image (1, 3, H, W)."""
    import torch
    import torch.nn.functional as F

    taps = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], dtype=image.dtype) / 16
    kernel = (taps[:, None] * taps).expand(3, 1, 5, 5)
    return image - F.conv2d(F.pad(image, (2, 2, 2, 2), mode="replicate"), kernel, groups=3)


def sharpened(image: Tensor, amount: float) -> Tensor:
    """Return the image (1, 3, H, W) with `amount` times its detail added."""
    return image + amount * detail(image) if amount else image


def as_sharp(image: Tensor, first: Tensor, last: Tensor, share: float) -> Tensor:
    """Return a blend (1, 3, H, W) with as much of its detail added as makes it as sharp as both
    pictures that it was made of, at `share` of the way from the first to the last: their root mean
    squares of detail, interpolated. At most MOST times its detail is added, and none taken away.
    """
    wanted = (1 - share) * size(detail(first)) + share * size(detail(last))
    own = detail(image).double()
    again = detail(own)
    # The detail of image + a * own is own + a * again, whose root mean square is to be `wanted`.
    square, middle = float(again.square().mean()), float((own * again).mean())
    missing = wanted**2 - float(own.square().mean())
    if missing <= 0 or square == 0:
        return image
    amount = (math.sqrt(middle**2 + square * missing) - middle) / square
    return sharpened(image, round(min(amount, MOST), 4))


def size(image: Tensor) -> float:
    """Return the root mean square of an image."""
    return math.sqrt(float(image.double().square().mean()))
