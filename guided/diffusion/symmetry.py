"""Symmetry: at given moments of a run, one half of the canvas replaces the other, mirrored.

Imports no torch before it is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from guided.timeline import Timeline

SYMMETRIES = ("none", "horizontal", "vertical", "both")


@dataclass(frozen=True)
class Mirror:
    """Mirror symmetry: `horizontal` copies the left half to the right, `vertical` the upper half
    to the lower, at each progress (0..1) in `at`."""

    symmetry: str = "none"
    at: tuple[float, ...] = ()  # progress

    def __call__(self, x: Tensor) -> Tensor:
        """Return x (B, C, H, W) mirrored; H and W may be odd."""
        if self.symmetry in ("horizontal", "both"):
            x = folded(x, 3)
        if self.symmetry in ("vertical", "both"):
            x = folded(x, 2)
        return x

    def positions(self, timeline: Timeline, start: int) -> set[int]:
        """Return the positions before whose steps x is mirrored: for each progress in `at`, the
        first position from `start` down that has reached it."""
        if self.symmetry == "none":
            return set()
        remaining = range(start, -1, -1)
        positions = (
            next((i for i in remaining if timeline.progress(i) >= share), None)
            for share in self.at
        )
        return {i for i in positions if i is not None}


def folded(x: Tensor, dim: int) -> Tensor:
    """Return the first half along `dim` and its mirror image; a middle line stays."""
    import torch

    size = x.shape[dim]
    first = x.narrow(dim, 0, (size + 1) // 2)
    return torch.cat([first, first.narrow(dim, 0, size // 2).flip(dim)], dim)
