"""Bicubic resizing as two matrix products: deterministic, and differentiable on every device."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.devices import sent


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, 3, *size) from (B, 3, H, W): bicubic, antialiased when it shrinks. Away from the
    border the values are those of resize-right."""
    return resized(image, size, lambda before, after, like: sent(resizing(before, after), like))


def resized(
    image: Tensor, size: tuple[int, int], weights: Callable[[int, int, Tensor], Tensor]
) -> Tensor:
    """Return (B, 3, *size) from (B, 3, H, W) by two matrix products.

    `weights(before, after, image)` is the matrix (after, before) of a line on the image's device.
    torch's own operator is not deterministic on GPUs and has no backward pass on Apple's."""
    height, width = image.shape[2:]
    down = weights(height, size[0], image)
    square = (height, size[0]) == (width, size[1])
    across = down if square else weights(width, size[1], image)
    return down @ image @ across.T


@lru_cache(maxsize=1024)
def resizing(before: int, after: int) -> Tensor:
    """Return the matrix (after, before) that resizes a line of pixels."""
    lines = torch.eye(before)[None, None]
    return F.interpolate(lines, (after, before), mode="bicubic", antialias=True)[0, 0]


@lru_cache(maxsize=1024)
def taps(before: int, after: int) -> tuple[Tensor, Tensor]:
    """Return the first input pixel (after,) that each row of `resizing` weights, and the weights
    (after, T) from there on."""
    matrix = resizing(before, after)
    used = (matrix != 0).int()
    first = used.argmax(1)
    count = int((before - used.flip(1).argmax(1) - first).max())
    places = first[:, None] + torch.arange(count)
    return first, F.pad(matrix, (0, count)).gather(1, places)
