"""The sizes of pictures that a generator draws."""

from __future__ import annotations

import math
from dataclasses import dataclass

LARGEST = 8192  # pixels a side
MOST_TIMES = 16  # by which an output enlarges
SMALL = 64  # pixels a side of models that know whole objects only, at their own size


@dataclass(frozen=True)
class Sizes:
    """The sizes that a generator draws: multiples of `step` from `least` to `most` pixels a side.
    `least` and `most` are such multiples, or 0 for the smallest and the largest below LARGEST."""

    step: int
    default: tuple[int, int]  # width, height
    comfortable: tuple[int, int] | None = None  # far above it, pictures fall apart; None: no limit
    windowed: bool = False  # what is far above it is drawn in windows
    least: int = 0
    most: int = 0

    def nearest(self, side: int) -> int:
        """Return the width or height nearest to `side` that can be drawn."""
        least, most = self.range
        return min(max(round(side / self.step) * self.step, least), most)

    @property
    def range(self) -> tuple[int, int]:
        """Return the shortest and the longest side."""
        return self.least or self.step, self.most or LARGEST // self.step * self.step

    def shaped(self, sides: tuple[float, float]) -> tuple[int, int]:
        """Return a (width, height) that can be drawn, of about the shape of two sides and of about
        as many pixels as the default has."""
        scale = math.sqrt(area(self.default) / math.prod(sides))
        width, height = (self.nearest(round(scale * side)) for side in sides)
        return width, height

    def is_far_above(self, size: tuple[int, int]) -> bool:
        """Return whether a (width, height) has more than four times the comfortable pixels."""
        return self.comfortable is not None and area(size) > 4 * area(self.comfortable)

    def is_noise(self, size: tuple[int, int]) -> bool:
        """Return whether a small model draws nothing but noise at a (width, height): one of more
        than 25 times the comfortable pixels, without windows."""
        if self.comfortable is None or self.windowed or max(self.comfortable) > SMALL:
            return False
        return area(size) > 25 * area(self.comfortable)

    def enlarged(self, size: tuple[int, int]) -> tuple[list[int], int]:
        """Return a size [width, height] of the same shape that is not far above the comfortable
        one, and the factor, at most MOST_TIMES, that makes `size` of it, or the largest there
        is."""
        assert self.comfortable is not None
        ratio = math.sqrt(area(size) / area(self.comfortable))
        times = min(max(round(ratio), 1), MOST_TIMES)
        drawn = [self.nearest(round(side / times)) for side in size]
        if self.is_far_above((drawn[0], drawn[1])):
            shortest = self.range[0]
            drawn = [
                max(int(2 * side / ratio) // self.step * self.step, shortest) for side in size
            ]
        return drawn, times


def area(size: tuple[int, int]) -> int:
    return size[0] * size[1]
