"""Places of cutouts: anywhere in the image, or around the white part of a mask."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from guided.images import masked_box


@dataclass(frozen=True)
class Places:
    """Places of square cutouts whose centres are spread over a mask (1, 1, H, W) as its values
    are, as far as the image's edges allow."""

    mask: Tensor

    @cached_property
    def rows(self) -> Tensor:
        """Return the sum of each row of the mask, (H,)."""
        return self.mask[0, 0].double().sum(1)

    def middle(self, image: Tensor) -> tuple[Tensor, Places]:
        """Return the largest square of an image (B, 3, H, W) that is centred on the mask, as far
        as it is inside of the image, and the places within it."""
        height, width = image.shape[2:]
        side = min(height, width)
        box = masked_box(self.mask)
        left, top = (
            min(max((first + last - side) // 2, 0), length - side)
            for first, last, length in zip(box[:2], box[2:], (width, height), strict=True)
        )
        part = (slice(None), slice(None), slice(top, top + side), slice(left, left + side))
        return image[part], Places(self.mask[part])

    def corner(self, across: float, down: float, side: int) -> tuple[int, int]:
        """Return left and top of the cutout that two uniform numbers in [0, 1) choose."""
        row = chosen(self.rows, down)
        column = chosen(self.mask[0, 0, row].double(), across)
        height, width = self.mask.shape[2:]
        left, top = column - side // 2, row - side // 2
        return min(max(left, 0), width - side), min(max(top, 0), height - side)


def chosen(weights: Tensor, share: float) -> int:
    """Return the index up to which the weights (N,) have more than this share of their sum."""
    sums = weights.cumsum(0)
    return min(int(torch.searchsorted(sums, share * sums[-1], right=True)), len(weights) - 1)
