"""Which settings differ between the rows of a batch: what a grid can have along its sides.

Knows nothing about pages or files.
"""

from __future__ import annotations

from collections.abc import Sequence

from guided.gallery.reading import Picture

LONGEST = 100  # values; a setting with more makes no grid that one can look at
SEED = "seed"


def axes(pictures: Sequence[Picture]) -> dict[str, list[str]]:
    """Setting -> its values: numbers by size, others as they came."""
    found = {}
    for name in dict.fromkeys(key for picture in pictures for key in picture.row):
        values = list(dict.fromkeys(picture.row.get(name, "") for picture in pictures))
        if 2 <= len(values) <= LONGEST:
            found[name] = ordered(values)
    seeds = [str(picture.seed) for picture in pictures if picture.seed is not None]
    different = list(dict.fromkeys(seeds))
    # Seeds that come once each are no sweep, only many pictures.
    if SEED not in found and 2 <= len(different) <= LONGEST and len(different) < len(seeds):
        found[SEED] = ordered(different)
    return found


def place(picture: Picture, axis: str) -> str:
    """The picture's value on an axis."""
    if axis == SEED and SEED not in picture.row:
        return "" if picture.seed is None else str(picture.seed)
    return picture.row.get(axis, "")


def ordered(values: list[str]) -> list[str]:
    try:
        return sorted(values, key=float)
    except ValueError:
        return values
