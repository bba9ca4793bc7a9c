"""Square cutouts of an image, resized together: on a GPU the launches of kernels for small
products and copies take longer than the kernels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from guided.devices import sent

Square = tuple[int, int, int]  # left, top, side
# (before, after) -> first input pixel (after,) of each output pixel, and weights (after, T)
Taps = Callable[[int, int], tuple[Tensor, Tensor]]


def resize_squares(
    image: Tensor, squares: Sequence[Square], size: tuple[int, int], taps: Taps
) -> Tensor:
    """Return (N, 3, *size), N squares of an image (1, 3, H, W) resized by their taps."""
    sides = [side for _, _, side in squares]
    down = matrices(sides, size[0], image, taps)
    across = down if size[0] == size[1] else matrices(sides, size[1], image, taps)
    views: Tensor = ResizedSquares.apply(image, squares, down, across)
    return views


def matrices(sides: Sequence[int], after: int, like: Tensor, taps: Taps) -> Tensor:
    """Return (N, after, S), whose first `sides[n]` columns resize a line of that length. All are
    written by one operator on the device of `like`, because few elements are not 0."""
    firsts, weights = zip(*(taps(side, after) for side in sides), strict=True)
    count = max(each.shape[1] for each in weights)  # taps may lie this far outside of the line
    widened = [F.pad(each, (0, count - each.shape[1])) for each in weights]
    places = sent(torch.stack(firsts) + count, like, torch.long)[..., None]
    places = places + torch.arange(count, device=like.device)
    lines = like.new_zeros(len(sides), after, max(sides) + 2 * count)
    lines.scatter_(2, places, sent(torch.stack(widened), like))
    return lines[..., count:-count]


class ResizedSquares(torch.autograd.Function):
    """Squares of an image, each between two matrices. The gradient is added up in place, where
    slices of autograd's would each make a whole image."""

    @staticmethod
    def forward(
        ctx: Any, image: Tensor, squares: Sequence[Square], down: Tensor, across: Tensor
    ) -> Tensor:
        """Return (N, 3, h, w), given (1, 3, H, W), N squares, (N, h, S) and (N, w, S)."""
        views = image.new_empty(len(squares), 3, down.shape[1], across.shape[1])
        for k, (left, top, side) in enumerate(squares):
            part = image[0, :, top : top + side, left : left + side]
            torch.matmul(down[k, :, :side] @ part, across[k, :, :side].T, out=views[k])
        ctx.save_for_backward(down, across)
        ctx.squares, ctx.shape = squares, image.shape
        return views

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grads: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradient with respect to the image, (1, 3, H, W)."""
        down, across = ctx.saved_tensors
        total = grads.new_zeros(ctx.shape)
        for k, (left, top, side) in enumerate(ctx.squares):
            back = down[k, :, :side].T.expand(3, -1, -1)
            part = total[0, :, top : top + side, left : left + side]
            part.baddbmm_(back, grads[k] @ across[k, :, :side])
        return total, None, None, None
