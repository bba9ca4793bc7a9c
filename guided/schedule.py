"""A number that varies over the run. Knows nothing about what the number means.

Progress goes from 0 (pure noise) to 1 (done). A schedule is written as
  12                                  the same all along
  [[0, 12], [0.4, 4]]                 12 until 40 % of the run, 4 from there on
  {linear: [[0, 12], [1, 4]]}         on the way from one to the next all the time; also cosine
  "[12]*400+[4]*600"                  Disco Diffusion's lists: equal shares of the run, any length
  "0: (12), 40: (4)"                  Disco Diffusion's key frames, in per cent of the run; linear
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from guided.errors import not_one_of, shown
from guided.schedule_text import read_text

AUTO = "auto"  # for settings that know a good value by themselves
STEP, LINEAR, COSINE = "step", "linear", "cosine"
WAYS = (STEP, LINEAR, COSINE)


@dataclass(frozen=True)
class Schedule:
    """A function of progress; `schedule(0.3)` is its value there. Before its first point it has
    the first value, after its last the last."""

    starts: tuple[float, ...]
    values: tuple[float, ...]
    way: str = STEP  # from one point to the next: step, linear or cosine
    whole: bool = False  # rounded, where it is on its way between whole numbers

    def __call__(self, progress: float) -> float:
        found = self.exact(progress)
        return round(found) if self.whole else found

    def exact(self, progress: float) -> float:
        last = bisect_right(self.starts, progress) - 1
        if self.way == STEP or not 0 <= last < len(self.starts) - 1:
            return self.values[max(0, last)]
        before, after = self.values[last : last + 2]
        share = (progress - self.starts[last]) / (self.starts[last + 1] - self.starts[last])
        if self.way == COSINE:
            share = (1 - math.cos(math.pi * share)) / 2
        return before + share * (after - before)

    @property
    def highest(self) -> float:
        return max(self.values)

    @property
    def constant(self) -> bool:
        return len(set(self.values)) == 1


def schedule(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> Schedule:
    """Read a setting; ValueError names it when a value is no schedule, out of [low, high], or a
    fraction where a whole number is needed."""
    if isinstance(value, Schedule):
        return value
    way, pairs = STEP, value
    if isinstance(value, Mapping):
        way, pairs = read_way(name, value)
    if isinstance(value, bool):
        raise ValueError(f"{name}={value} must be {forms(low, high, whole)}")
    if is_number(pairs):
        pairs = [[0.0, pairs]]
    elif isinstance(pairs, str):
        linear, pairs = read_text(name, pairs)
        way = LINEAR if linear else STEP
    if not is_pairs(pairs):
        raise ValueError(f"{name}={shown(value)} must be {forms(low, high, whole)}")
    starts = [float(start) for start, _ in pairs]
    if starts != sorted(set(starts)) or not all(0 <= start <= 1 for start in starts):
        raise ValueError(
            f"{name}={shown(value)}: progress must rise from pair to pair, within 0 and 1"
        )
    for _, number in pairs:
        check_number(name, number, low, high, whole)
    return Schedule(tuple(starts), tuple(float(number) for _, number in pairs), way, whole)


def automatic(name: str, value: Any, low: float, high: float = math.inf) -> Schedule | str:
    """A schedule, or `auto` left as it is, to be settled when size and steps are known."""
    return AUTO if value == AUTO else schedule(name, value, low, high)


def read_way(name: str, value: Mapping[str, Any]) -> tuple[str, Any]:
    """{linear: pairs} -> ("linear", pairs)."""
    if len(value) != 1:
        raise ValueError(
            f"{name}={shown(value)} must say one way, as {{linear: [[0, 12], [1, 4]]}}"
        )
    ((way, pairs),) = value.items()
    if way not in WAYS:
        raise ValueError(not_one_of(name, way, WAYS))
    return way, pairs


def forms(low: float, high: float, whole: bool) -> str:
    """What a schedule may be, for messages."""
    return f"{kind_of(low, high, whole)}, or pairs [progress, value], as [[0, 12], [0.4, 4]]"


def kind_of(low: float, high: float, whole: bool) -> str:
    kind = "a whole number" if whole else "a number"
    if math.isinf(low):
        return kind
    return kind + (f" from {low:g} to {high:g}" if math.isfinite(high) else f" of {low:g} or more")


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> None:
    """ValueError naming the setting unless value is finite, in [low, high] and whole if asked."""
    fits = is_number(value) and math.isfinite(value) and low <= value <= high
    if not fits or (whole and value != int(value)):
        near = (
            f"; the nearest is {min(max(value, low), high):g}"
            if is_number(value) and not (math.isnan(value) or low <= value <= high)
            else ""
        )
        raise ValueError(f"{name}={shown(value)} must be {kind_of(low, high, whole)}{near}")


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
