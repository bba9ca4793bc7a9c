"""Symmetry: at some moments of a run, one half of the canvas is laid over the other, mirrored.

Knows nothing about networks or samplers; imports no torch before it is used.
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
    """`horizontal` lays the left half over the right one, `vertical` the upper over the lower."""

    symmetry: str = "none"
    at: tuple[float, ...] = ()  # progress

    def __call__(self, x: Tensor) -> Tensor:
        """(B, C, H, W), of any size."""
        if self.symmetry in ("horizontal", "both"):
            x = folded(x, 3)
        if self.symmetry in ("vertical", "both"):
            x = folded(x, 2)
        return x

    def positions(self, timeline: Timeline, start: int) -> set[int]:
        """Of the timeline, before whose steps x is to be mirrored: the first that has come so far,
        counted from `start`."""
        if self.symmetry == "none":
            return set()
        coming = range(start, -1, -1)
        found = (
            next((i for i in coming if timeline.progress(i) >= share), None) for share in self.at
        )
        return {i for i in found if i is not None}


def folded(x: Tensor, dim: int) -> Tensor:
    """The first half and its mirror image; a middle line stays."""
    import torch

    size = x.shape[dim]
    first = x.narrow(dim, 0, (size + 1) // 2)
    return torch.cat([first, first.narrow(dim, 0, size // 2).flip(dim)], dim)
