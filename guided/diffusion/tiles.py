"""Tiles: how a canvas larger than a network's own size is divided into windows.

Imports no torch. windows.py applies a network to the windows.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

TILES = ("auto", "off", "blend", "shift")
OVERLAP = 1 / 8  # of two windows, as a share of the network's own size, at least
LARGEST = 5 / 4  # side of a window, as a multiple of the own size, for networks of any size
FAR_ABOVE = 4  # times the own number of pixels, from which on `auto` divides a canvas


@dataclass(frozen=True)
class Axis:
    """Windows along one axis of the canvas with `length` pixels, from `starts`, with `sides`
    pixels each. On a `ring` the canvas goes on at its other end."""

    length: int
    sides: tuple[int, ...]
    starts: tuple[int, ...] = (0,)
    ring: bool = False

    @property
    def beyond(self) -> int:
        """Return how many pixels the last window covers beyond the end."""
        return self.starts[-1] + self.sides[-1] - self.length


@dataclass(frozen=True)
class WindowSizes:
    """The windows that a network takes along one axis: its `own` size, and all multiples of `step`
    up to a little more unless it is `fixed` to its own."""

    own: int
    step: int
    fixed: bool = False

    @property
    def most(self) -> int:
        """Return the side of the largest window."""
        steps = max(2, math.floor(self.own * LARGEST / self.step))  # one of them may be shared
        return self.own if self.fixed else steps * self.step

    def whole(self, length: int, ring: bool) -> Axis:
        """Return one window; on no ring if the network is `fixed`, because then it expects the
        edges of a picture at those of its window."""
        return Axis(length, (length,), ring=ring and not self.fixed)

    def overlapping(self, length: int, ring: bool = False) -> Axis:
        """Return windows of nearly equal sizes that overlap; one if it holds the axis."""
        if length <= self.most:
            return self.whole(length, ring)
        step = 1 if self.fixed else self.step
        return self._placed(length, math.ceil(self.own * OVERLAP / step) * step, ring)

    def adjacent(self, length: int, ring: bool = False) -> Axis:
        """Return windows on a ring that overlap only if a `fixed` size makes it necessary; one if
        it holds the axis, on a ring if `ring`."""
        return self.whole(length, ring) if length <= self.most else self._placed(length, 0, True)

    def _placed(self, length: int, overlap: int, ring: bool) -> Axis:
        """Return as few windows as can overlap by `overlap` pixels, a multiple of `step`: by more
        if they are `fixed`."""
        within = 0 if ring else overlap  # what the first window need not share
        count = math.ceil((length - within) / (self.most - overlap))
        if self.fixed:
            gaps, room = (count, length) if ring else (count - 1, length - self.own)
            starts = tuple(k * room // gaps for k in range(count))
            return Axis(length, (self.own,) * count, starts, ring)
        steps = math.ceil((length + count * overlap - within) / self.step)
        sides = tuple((steps + k) // count * self.step for k in range(count))
        ends = itertools.accumulate(side - overlap for side in sides)
        return Axis(length, sides, (0, *itertools.islice(ends, count - 1)), ring)


def divided(
    tiles: str,
    size: tuple[int, int],
    own: tuple[int, int],
    step: int,
    fixed: bool,
    rings: tuple[bool, bool] = (False, False),
) -> tuple[Axis, Axis]:
    """Return the windows across and down of a canvas of `size` (width, height) for a network whose
    `own` size is (width, height); `step` and `fixed` as in WindowSizes; `rings`: whether the
    canvas goes on at its other end (across, down).

    With `auto`, a network that draws any size does so up to FAR_ABOVE times its own pixels, where
    whole objects appear, and above it in windows that overlap."""
    if tiles == "auto":
        above = math.prod(size) > FAR_ABOVE * math.prod(own)
        tiles = "blend" if above and not fixed else "off"
    axes = []
    for length, side, ring in zip(size, own, rings, strict=True):
        sizes = WindowSizes(side, step, fixed)
        kinds = {"off": sizes.whole, "blend": sizes.overlapping, "shift": sizes.adjacent}
        axes.append(kinds[tiles](length, ring))
    across, down = axes
    return across, down
