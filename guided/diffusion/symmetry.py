"""Symmetry: at given moments of a run, one half of the canvas replaces the other, mirrored, or one
sector around its centre replaces the others, rotated.

Imports no torch before it is used.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.errors import not_one_of

if TYPE_CHECKING:
    from torch import Tensor

    from guided.timeline import Timeline

SYMMETRIES = ("none", "horizontal", "vertical", "both")
ROTATION = re.compile(r"rotate:(\d{1,3})")
MOST_FOLD = 64  # sectors of a rotational symmetry


def check_symmetry(value: object) -> str:
    """Return `value`, one of SYMMETRIES or `rotate:6` for six equal sectors; raise ValueError for
    another."""
    rotation = ROTATION.fullmatch(value) if isinstance(value, str) else None
    if rotation and not 2 <= int(rotation[1]) <= MOST_FOLD:
        raise ValueError(f"symmetry={value} must be from rotate:2 to rotate:{MOST_FOLD}")
    if not rotation and value not in SYMMETRIES:
        raise ValueError(not_one_of("symmetry", value, [*SYMMETRIES, "rotate:6"]))
    return str(value)


def usual_times(symmetry: str) -> tuple[float, ...]:
    """Return the progress at which an image is made symmetric, unless it is set. Many objects are
    their own mirror image, and hardly any looks the same when it is turned: after the last of the
    usual times a model would draw it as usual, so the finished picture is turned too."""
    return (0.1, 0.3, 0.5, 1.0) if ROTATION.fullmatch(symmetry) else (0.1, 0.3, 0.5)


@dataclass(frozen=True)
class Mirror:
    """Symmetry: `horizontal` copies the left half to the right, `vertical` the upper half to the
    lower, `rotate:6` one of six sectors to the others, at each progress (0..1) in `at`."""

    symmetry: str = "none"
    at: tuple[float, ...] = ()  # progress

    def __call__(self, x: Tensor) -> Tensor:
        """Return x (B, C, H, W) mirrored or rotated; H and W may be odd."""
        if rotation := ROTATION.fullmatch(self.symmetry):
            return rotated(x, int(rotation[1]))
        if self.symmetry in ("horizontal", "both"):
            x = folded(x, 3)
        if self.symmetry in ("vertical", "both"):
            x = folded(x, 2)
        return x

    def positions(self, timeline: Timeline, start: int) -> set[int]:
        """Return the positions before whose steps x is mirrored: for each progress in `at`, the
        first position from `start` down that has reached it; -1, after the last step, for one
        that none reaches."""
        if self.symmetry == "none":
            return set()
        remaining = range(start, -1, -1)
        positions = (
            next((i for i in remaining if timeline.progress(i) >= share), -1) for share in self.at
        )
        return set(positions)


def folded(x: Tensor, dim: int) -> Tensor:
    """Return the first half along `dim` and its mirror image; a middle line stays."""
    import torch

    size = x.shape[dim]
    first = x.narrow(dim, 0, (size + 1) // 2)
    return torch.cat([first, first.narrow(dim, 0, size // 2).flip(dim)], dim)


def rotated(x: Tensor, fold: int) -> Tensor:
    """Return x (B, C, H, W) with the sector around the left half of the middle line, or the upper
    half if x is tall, in place of each of `fold` sectors. Pixels are picked, not averaged, so that
    the variance of noise stays the same; those whose counterpart is outside of x stay."""
    import torch

    height, width = x.shape[2:]
    middle_row, middle_column = (height - 1) / 2, (width - 1) / 2
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    down, across = rows.double() - middle_row, columns.double() - middle_column
    base = math.pi if width >= height else -math.pi / 2  # direction of the sector that stays
    sector = 2 * math.pi / fold
    # A pixel between two sectors belongs to the next one, all around.
    turns = torch.floor((torch.atan2(down, across) - base) / sector + 0.5 + 1e-9)
    cos, sin = torch.cos(turns * sector), torch.sin(turns * sector)
    row = torch.round(cos * down - sin * across + middle_row).long()
    column = torch.round(cos * across + sin * down + middle_column).long()
    outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
    row, column = torch.where(outside, rows, row), torch.where(outside, columns, column)
    return x[:, :, row.to(x.device), column.to(x.device)]
