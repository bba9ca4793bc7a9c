"""Bicubic resizing as two matrix products: deterministic, and differentiable on every device."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.devices import sent

if TYPE_CHECKING:
    pass


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, antialiased when it shrinks; the same values as resize-right inside the border."""
    return resized(image, size, lambda before, after, like: sent(resizing(before, after), like))


def resized(
    image: Tensor, size: tuple[int, int], weights: Callable[[int, int, Tensor], Tensor]
) -> Tensor:
    """(1, 3, H, W) -> (1, 3, *size), with the weights that make one line of another, where the
    image is.

    As two matrix products, because they are deterministic on every device, and because Apple's
    GPU has no way back through the operator."""
    height, width = image.shape[2:]
    down = weights(height, size[0], image)
    square = (height, size[0]) == (width, size[1])
    across = down if square else weights(width, size[1], image)
    return down @ image @ across.T


@lru_cache(maxsize=1024)
def resizing(before: int, after: int) -> Tensor:
    """(after, before): the weights with which pixels of one line make those of the resized one."""
    lines = torch.eye(before)[None, None]
    return F.interpolate(lines, (after, before), mode="bicubic", antialias=True)[0, 0]
