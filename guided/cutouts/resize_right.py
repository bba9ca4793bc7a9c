"""Resizing with the values of resize-right: cubic, antialiased, black around the image.

Assaf Shocher, "ResizeRight", 2021, https://github.com/assafshocher/ResizeRight
"""

from __future__ import annotations

import math
from functools import lru_cache

import torch
from torch import Tensor

from guided.cutouts.resize import resized
from guided.devices import sent


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Return (B, 3, *size) from (B, 3, H, W), with the values of resize-right."""
    return resized(image, size, resizing)


def resizing(before: int, after: int, like: Tensor) -> Tensor:
    """Return the matrix (after, before) that resizes a line of pixels, on the device of `like`.

    Rows sum to 1 together with the weights of black pixels around the line, which are left out:
    borders darken. It is built on the device, because a step needs hundreds of these matrices, of
    which few elements are not 0."""
    first, weights = taps(before, after)
    count = weights.shape[1]
    places = sent(first, like, torch.long)[:, None] + torch.arange(count, device=like.device)
    line = like.new_zeros(after, before + count)
    line.scatter_(1, places, sent(weights, like))
    return line[:, count // 2 : count // 2 + before]


@lru_cache(maxsize=1024)
def taps(before: int, after: int) -> tuple[Tensor, Tensor]:
    """Return the position (after,) of the first input pixel of each output pixel, counting T / 2
    black ones before the line, and its weights (after, T), rounded as by resize-right."""
    scale = after / before
    shrink = min(scale, 1.0)  # antialiasing: the kernel is as wide as the coarser grid's
    reach = math.ceil(2 / shrink)
    centres = torch.arange(after) / scale + (before - 1) / 2 - (after - 1) / (2 * scale)
    first = centres.floor().long() + 1 - reach
    pixels = first[:, None] + torch.arange(2 * reach)
    weights = shrink * cubic(shrink * (centres[:, None] - pixels))
    return first + reach, weights / weights.sum(1, keepdim=True)


@lru_cache(maxsize=1024)
def inner_taps(before: int, after: int) -> tuple[Tensor, Tensor]:
    """Return `taps` counted from the line's own first pixel, with weights 0 for the black ones
    around the line."""
    first, weights = taps(before, after)
    first = first - weights.shape[1] // 2
    places = first[:, None] + torch.arange(weights.shape[1])
    return first, weights * ((places >= 0) & (places < before))


def cubic(x: Tensor) -> Tensor:
    """Return the cubic convolution kernel at distances x, with a = -0.5.

    Keys, "Cubic convolution interpolation for digital image processing", 1981,
    https://doi.org/10.1109/TASSP.1981.1163711"""
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x <= 2, far, torch.zeros_like(x)))
