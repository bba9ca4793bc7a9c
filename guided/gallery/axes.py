"""Settings that differ between the rows of a batch, which a grid can have along its sides."""

from __future__ import annotations

from collections.abc import Sequence

from guided.gallery.reading import Picture

LONGEST = 100  # values; a grid with more cannot be looked at
SEED = "seed"


def axes(pictures: Sequence[Picture]) -> dict[str, list[str]]:
    """Return the values of each setting that differs: numbers in order of size, others in order of
    appearance. A picture without the setting has the value ""."""
    axes: dict[str, list[str]] = {}
    for name in dict.fromkeys(key for picture in pictures for key in picture.row):
        values = list(dict.fromkeys(value_on(picture, name) for picture in pictures))
        if 2 <= len(values) <= LONGEST:
            axes[name] = ordered(values)
    seeds = [str(picture.seed) for picture in pictures if picture.seed is not None]
    different = list(dict.fromkeys(seeds))
    # Seeds that all differ are no sweep, only many pictures.
    if SEED not in axes and 2 <= len(different) <= LONGEST and len(different) < len(seeds):
        axes[SEED] = ordered(different)
    return axes


def value_on(picture: Picture, axis: str) -> str:
    """Return a picture's value on an axis: its row's, and without one "", or its own seed."""
    value = picture.row.get(axis, "")
    return str(picture.seed) if axis == SEED and not value and picture.seed is not None else value


def ordered(values: list[str]) -> list[str]:
    try:
        return sorted(values, key=float)
    except ValueError:
        return values
