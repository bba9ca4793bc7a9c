"""Regions: parts of the picture that have prompts of their own, and layouts that place them.

Imports no torch.
"""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Any

from guided.errors import BadInput, is_number, shown

Box = tuple[float, float, float, float]  # left, top, right, bottom in shares of the picture
Size = tuple[int, int]  # width, height in pixels
LAYOUTS = ("row", "grid", "scatter")
BOX = "a box [left,top,right,bottom] in shares of the picture, each from 0 to 1, as in [0,0,0.5,1]"
SPREAD = 1.3  # cells of a canvas for each region that is scattered over it
FILLED = 0.6  # share of the canvas that scattered regions cover, at most
PLACES = 30  # for each scattered region, of which the one is taken that overlaps least
TRIES = 20  # arrangements of which that is done


@dataclass(frozen=True)
class Region:
    """A part of the picture: a box, or the white part of a mask."""

    box: Box = (0.0, 0.0, 1.0, 1.0)
    mask: str = ""  # path of a picture of the whole canvas, which replaces the box
    slot: int | None = None  # number among those that a layout places; None: placed

    def pixels(self, size: Size) -> tuple[int, int, int, int]:
        """Return the box in pixels of a picture of `size`, at least one wide and high."""
        left, top, right, bottom = self.box
        (x, ends_x), (y, ends_y) = (
            span(low, high, side)
            for low, high, side in ((left, right, size[0]), (top, bottom, size[1]))
        )
        return x, y, ends_x, ends_y


def span(low: float, high: float, side: int) -> tuple[int, int]:
    """Return the pixels of [low, high), shares of a side, of which there is at least one."""
    first = min(round(low * side), side - 1)
    return first, max(round(high * side), first + 1)


def read_box(setting: str, value: Any) -> Box:
    """Return a box written as [left, top, right, bottom] in shares of the picture. Raise BadInput,
    naming the setting, for one that is empty or outside the picture."""
    name = f"{setting}={shown(value)}"
    if not isinstance(value, list | tuple) or len(value) != 4 or not all(map(is_number, value)):
        raise BadInput(f"{name} must be {BOX}")
    left, top, right, bottom = inside = tuple(min(max(float(share), 0.0), 1.0) for share in value)
    filled = left < right and top < bottom
    if not filled or any(here != there for here, there in zip(inside, value, strict=True)):
        near = f"{setting.split()[-1]}=[{','.join(f'{share:g}' for share in inside)}]"
        raise BadInput(f"{name} must be {BOX}{f'; the nearest is {near}' * filled}")
    return left, top, right, bottom


@lru_cache(maxsize=64)  # asked for several times a picture; scattering many takes a second
def boxes(layout: str, count: int, size: Size, seed: int) -> tuple[Box, ...]:
    """Return the boxes in which a layout places `count` regions on a picture of `size`: row, side
    by side; grid, in rows; scatter, at random by the seed."""
    if layout == "row":
        return tuple((k / count, 0.0, (k + 1) / count, 1.0) for k in range(count))
    return tuple(grid(count, size) if layout == "grid" else scatter(count, size, seed))


def grid(count: int, size: Size) -> list[Box]:
    """Return equal cells in rows, as square as can be; the last row is centred."""

    def oblong(columns: int) -> float:
        """Return how far a cell is from a square; 0: not at all."""
        return abs(math.log(size[0] / columns / size[1] * math.ceil(count / columns)))

    columns = min(range(1, count + 1), key=oblong)
    rows = math.ceil(count / columns)
    found = []
    for k in range(count):
        row, place = divmod(k, columns)
        in_row = min(columns, count - row * columns)
        left = (columns - in_row) / 2 + place
        found.append((left / columns, row / rows, (left + 1) / columns, (row + 1) / rows))
    return found


def scatter(count: int, size: Size, seed: int) -> list[Box]:
    """Return squares at random places: of many arrangements the one that overlaps least."""
    width, height = size
    side = min(width, height, math.sqrt(FILLED * width * height / count))
    rng = random.Random(f"{seed} layout")  # random() is the same in every version of Python

    def square() -> Box:
        left, top = rng.random() * (width - side), rng.random() * (height - side)
        return left / width, top / height, (left + side) / width, (top + side) / height

    def arrangement() -> list[Box]:
        placed: list[Box] = []
        for _ in range(count):
            places = [square() for _ in range(PLACES)]
            shared = [sum(overlap([one, place]) for one in placed) for place in places]
            placed.append(places[shared.index(min(shared))])
        return placed

    return min((arrangement() for _ in range(TRIES)), key=overlap)


def overlap(placed: Sequence[Box]) -> float:
    """Return the sum of the areas that two of the boxes share."""
    return sum(
        max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
        for a, b in combinations(placed, 2)
    )


def canvas(layout: str, count: int, own: Size) -> Size:
    """Return the size of a picture on which a layout has room for `count` regions of size
    `own`."""
    cells = math.ceil(SPREAD * count) if layout == "scatter" else count
    columns = count if layout == "row" else math.ceil(math.sqrt(cells))
    return columns * own[0], math.ceil(cells / columns) * own[1]
