"""Outpainting: a canvas that is larger than the init picture, with new pixels around it.

Imports no torch before an image is made.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageFilter

from guided.errors import BadInput, is_number, shown
from guided.images import picture, tensor

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
FORM = (
    "[left,top,right,bottom], each in pixels or per cent of the picture, 0 or more, as in "
    "outpaint=[0,0,50%,0]"
)
Sides = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass(frozen=True)
class Outpaint:
    """A canvas that is larger than the picture on it by `sides` pixels."""

    inner: tuple[int, int]  # width and height of the picture
    sides: Sides

    @property
    def size(self) -> tuple[int, int]:
        """Return (width, height) of the canvas."""
        left, top, right, bottom = self.sides
        return self.inner[0] + left + right, self.inner[1] + top + bottom

    def mask(self) -> Image.Image:
        """Return a grey picture of the canvas that is white where it is new."""
        mask = Image.new("L", self.size, 255)
        mask.paste(Image.new("L", self.inner, 0), self.sides[:2])
        return mask

    def filled(self, image: Tensor) -> Tensor:
        """Return the canvas (1, 3, H, W) of an image (1, 3, h, w) in [0, 1]: around it its mirror
        image, blurred, from which the new pixels start."""
        import torch

        left, top, right, bottom = self.sides
        width, height = self.inner
        across = reflected(torch.arange(-left, width + right), width)
        down = reflected(torch.arange(-top, height + bottom), height)
        around = picture(image[:, :, down][:, :, :, across])
        canvas = tensor(around.filter(ImageFilter.GaussianBlur(max(self.sides) / 8))).to(image)
        canvas[:, :, top : top + height, left : left + width] = image
        return canvas


def reflected(places: Tensor, length: int) -> Tensor:
    """Return the places, which may lie outside of 0..length - 1, mirrored at its ends."""
    places = places % (2 * length)
    return places.minimum(2 * length - 1 - places)


def read_outpaint(
    value: Any, size: tuple[int, int], has_init: bool, nearest: Callable[[int], int]
) -> Outpaint | None:
    """Return the canvas that `outpaint=` makes of a picture of `size` (width, height); None for
    null. `nearest` returns the width or height that can be drawn nearest to one. Raise BadInput
    for other values, and without a picture."""
    if value is None:
        return None
    if not has_init:
        raise BadInput(f"outpaint={shown(value)} needs a picture that is extended: init=photo.jpg")
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    parts = list(value) if listed else [value] * 4
    if len(parts) != 4:
        raise BadInput(f"outpaint={shown(value)} must be {FORM}")
    asked = [read_side(value, part, size[k % 2]) for k, part in enumerate(parts)]
    if not any(asked):
        raise BadInput(f"outpaint={shown(value)} adds nothing; it must be {FORM}")
    largest = nearest(10**9)
    for side, added in zip(size, (asked[0] + asked[2], asked[1] + asked[3]), strict=True):
        if side + added > largest:
            raise BadInput(
                f"outpaint={shown(value)} makes a side of {side + added} pixels; the longest that "
                f"can be drawn has {largest}"
            )
    left, right = divided(asked[0], asked[2], size[0], nearest)
    top, bottom = divided(asked[1], asked[3], size[1], nearest)
    grown = Outpaint(size, (left, top, right, bottom))
    if list(grown.sides) != asked:
        log.warning(
            "outpaint=%s is drawn as [%d,%d,%d,%d] pixels, on a canvas of %dx%d, which is the "
            "nearest that can be drawn",
            *(shown(value), *grown.sides, *grown.size),
        )
    return grown


def read_side(value: Any, part: Any, length: int) -> int:
    """Return how many pixels a part of outpaint= adds to a side of that length."""
    if isinstance(part, str) and (found := re.fullmatch(r"\s*(\d{1,6}(?:\.\d+)?)\s*%\s*", part)):
        return round(float(found[1]) / 100 * length)
    if not is_number(part) or not 0 <= part < 10**6 or part != int(part):
        raise BadInput(f"outpaint={shown(value)} must be {FORM}")
    return int(part)


def divided(
    before: int, after: int, length: int, nearest: Callable[[int], int]
) -> tuple[int, int]:
    """Return the pixels before and behind a side of that length so that their sum can be drawn:
    as asked, or nearly, and none where none are asked."""
    asked = before + after
    if not asked:
        return 0, 0
    sums = (nearest(length + more) - length for more in range(asked, asked + length + 1))
    added = next(one for one in sums if one > 0)
    first = round(added * before / asked)
    return first, added - first
