"""A number that varies over the run. Knows nothing about what the number means.

Written as one number, or as pairs [progress, value] with progress from 0 (pure noise) to 1 (done):
`[[0, 12], [0.4, 4]]` is 12 until 40 % of the run and 4 from there on.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Schedule:
    """A step function of progress; `schedule(0.3)` is its value there."""

    starts: tuple[float, ...]
    values: tuple[float, ...]

    def __call__(self, progress: float) -> float:
        return self.values[max(0, bisect_right(self.starts, progress) - 1)]

    @property
    def highest(self) -> float:
        return max(self.values)


def schedule(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> Schedule:
    """Read a setting; ValueError names it when a value is no number, out of [low, high], or a
    fraction where a whole number is needed."""
    if isinstance(value, Schedule):
        return value
    pairs = [[0.0, value]] if is_number(value) else value
    if not is_pairs(pairs):
        raise ValueError(
            f"{name}={value} must be a number or pairs [progress, value], as [[0, 12], [0.4, 4]]"
        )
    starts = [float(start) for start, _ in pairs]
    if starts != sorted(set(starts)) or not all(0 <= start <= 1 for start in starts):
        raise ValueError(f"{name}={value}: progress must rise from pair to pair, within 0 and 1")
    for _, number in pairs:
        check_number(name, number, low, high, whole)
    return Schedule(tuple(starts), tuple(float(number) for _, number in pairs))


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> None:
    """ValueError naming the setting unless value is finite, in [low, high] and whole if asked."""
    kind = "a whole number" if whole else "a number"
    span = f" from {low:g} to {high:g}" if math.isfinite(high) else f" of {low:g} or more"
    if math.isinf(low):
        span = ""
    fits = is_number(value) and math.isfinite(value) and low <= value <= high
    if not fits or (whole and value != int(value)):
        near = (
            f"; the nearest is {min(max(value, low), high):g}"
            if is_number(value) and not (math.isnan(value) or low <= value <= high)
            else ""
        )
        raise ValueError(f"{name}={value} must be {kind}{span}{near}")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_pairs(value: Any) -> bool:
    return (
        isinstance(value, Sequence)
        and not isinstance(value, str)
        and len(value) > 0
        and all(
            isinstance(pair, Sequence)
            and not isinstance(pair, str)
            and len(pair) == 2
            and all(is_number(number) for number in pair)
            for pair in value
        )
    )
