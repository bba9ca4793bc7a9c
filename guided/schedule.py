"""Schedules: numbers that vary over the run.

Progress goes from 0 (pure noise) to 1 (finished). A schedule is written as
  12                                  a constant
  [[0, 12], [0.4, 4]]                 12 until 40 % of the run, then 4
  {linear: [[0, 12], [1, 4]]}         interpolated between the points; also cosine
  "[12]*400+[4]*600"                  Disco Diffusion's lists: equal shares of the run, any length
  "0: (12), 40: (4)"                  Disco Diffusion's key frames in per cent of the run; linear
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Any, NoReturn, Self

from guided.errors import check_number, decimal_point, is_number, not_one_of, range_text, shown

HEAVIEST = 1e9  # largest weight, so that sums and squares are finite in float32
AUTO = "auto"  # the value of settings that are resolved from size and steps
STEP, LINEAR, COSINE = "step", "linear", "cosine"
WAYS = (STEP, LINEAR, COSINE)
LONGEST = 100_000  # entries of a list, so that a typing error cannot exhaust the memory
NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
TOKEN = re.compile(rf"{NUMBER}|True|False|[\[\](),*+-]")
KEY = re.compile(rf"\s*(?P<at>\d+\.?\d*)\s*:\s*\(\s*(?P<value>[+-]?{NUMBER})\s*\)\s*")


@dataclass(frozen=True)
class Schedule:
    """A function of progress, 0..1. It is constant before its first point and after its last."""

    starts: tuple[float, ...]
    values: tuple[float, ...]
    way: str = STEP  # interpolation between points: step, linear or cosine
    whole: bool = False  # round interpolated values

    def __call__(self, progress: float) -> float:
        """Return the value at `progress`, an integer if `whole`."""
        value = self.exact(progress)
        return round(value) if self.whole else value

    def exact(self, progress: float) -> float:
        """Return the value at `progress`, not rounded."""
        last = bisect_right(self.starts, progress) - 1
        if self.way == STEP or not 0 <= last < len(self.starts) - 1:
            return self.values[max(0, last)]
        before, after = self.values[last : last + 2]
        share = (progress - self.starts[last]) / (self.starts[last + 1] - self.starts[last])
        if self.way == COSINE:
            share = (1 - math.cos(math.pi * share)) / 2
        return before + share * (after - before)

    def begun(self, progress: float) -> Self:
        """Return the schedule of a run that begins at `progress`, over the rest of it."""
        starts = (progress + (1 - progress) * start for start in self.starts)
        return replace(self, starts=tuple(starts))

    @property
    def highest(self) -> float:
        """The largest value."""
        return max(self.values)

    @property
    def constant(self) -> bool:
        """Whether the value is the same all along the run."""
        return len(set(self.values)) == 1


def schedule(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> Schedule:
    """Return the schedule of a setting's value in any of its forms. Raise ValueError, naming the
    setting, for other forms and for values outside [low, high] or, if `whole`, with a fraction."""
    if isinstance(value, Schedule):
        return value
    way, pairs = STEP, value
    if isinstance(value, Mapping):
        way, pairs = read_way(name, value)
    if isinstance(value, bool):
        raise ValueError(f"{name}={shown(value)} must be {forms(low, high, whole)}")
    if is_number(pairs):
        pairs = [[0.0, pairs]]
    elif isinstance(pairs, str):
        linear, pairs = read_text(name, pairs)
        way = LINEAR if linear else STEP
    if not is_pairs(pairs):
        raise ValueError(f"{name}={shown(value)} must be {forms(low, high, whole)}")
    starts = [float(start) if 0 <= start <= 1 else math.nan for start, _ in pairs]
    if starts != sorted(set(starts)) or any(map(math.isnan, starts)):
        raise ValueError(
            f"{name}={shown(value)}: progress must rise from pair to pair, within 0 and 1"
        )
    for _, number in pairs:
        check_number(name, number, low, high, whole)
    return Schedule(tuple(starts), tuple(float(number) for _, number in pairs), way, whole)


def automatic(name: str, value: Any, low: float, high: float = math.inf) -> Schedule | str:
    """Return a schedule, or `auto`, which is resolved once size and steps are known."""
    return AUTO if value == AUTO else schedule(name, value, low, high)


def always_zero(value: Any) -> bool:
    """Return whether a value is a schedule that is 0 all along the run."""
    return isinstance(value, Schedule) and not any(value.values)


def read_way(name: str, value: Mapping[str, Any]) -> tuple[str, Any]:
    """Return interpolation and pairs of {linear: pairs}. Raise ValueError for other mappings."""
    if len(value) != 1:
        raise ValueError(
            f"{name}={shown(value)} must say one way, as {{linear: [[0, 12], [1, 4]]}}"
        )
    ((way, pairs),) = value.items()
    if way not in WAYS:
        raise ValueError(not_one_of(name, way, WAYS))
    return way, pairs


def forms(low: float, high: float, whole: bool) -> str:
    """Return the allowed forms of a schedule for a message."""
    return f"{range_text(low, high, whole)}, or pairs [progress, value], as [[0, 12], [0.4, 4]]"


def is_pairs(value: Any) -> bool:
    """Return whether the value is a list, not empty, of pairs of numbers."""
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


def read_text(name: str, text: str) -> tuple[bool, list[list[float]]]:
    """Return whether a text is interpolated linearly, and its pairs [progress, value]. Raise
    ValueError, naming the setting, if it is neither a list nor key frames."""
    if re.match(r"\s*\d+\.?\d*\s*:", text):
        return True, read_keys(name, text)
    runs = Runs(name, text).read()
    total = length(runs)
    pairs: list[list[float]] = []
    start = 0
    for value, times in runs:
        if times and (not pairs or pairs[-1][1] != value):
            pairs.append([start / total, value])
        start += times
    return False, pairs


def read_keys(name: str, text: str) -> list[list[float]]:
    """Return the pairs of key frames: '0: (1.0), 50: (0.2)' -> [[0, 1.0], [0.5, 0.2]]."""
    pairs = []
    for part in text.strip().rstrip(",").split(","):
        match = KEY.fullmatch(part)
        if match is None:
            raise ValueError(
                f"{name}={shown(text)}: {part.strip()!r} is no key frame; as in "
                "'0: (1.0), 50: (0.2)'"
            )
        percent = float(match["at"])
        if percent > 100:
            raise ValueError(
                f"{name}={shown(text)}: key frames are per cent of the run, 0 to 100, "
                f"not {percent:g}"
            )
        pairs.append([percent / 100, float(match["value"])])
    return pairs


class Runs:
    """A recursive-descent parser of '[12]*400+[4]*600' -> [(12, 400), (4, 600)].

    Nothing is evaluated. The grammar has lists of numbers, multiplied by a whole number, added and
    put in parentheses, with a method for each rule."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        tokens = TOKEN.findall(text) if len(text) <= LONGEST else []
        if "".join(tokens) != re.sub(r"\s", "", text) or depth(tokens) > 20:
            self.refuse()
        self.tokens = tokens[::-1]  # the next one at the end, where removing it is fast

    def read(self) -> list[tuple[float, int]]:
        """Return the runs of the whole text. Raise ValueError if it is not in the grammar."""
        runs = self.sum()
        if self.tokens or not length(runs):
            self.refuse()
        return runs

    def sum(self) -> list[tuple[float, int]]:
        """Parse product + product + ..."""
        runs = self.product()
        total = length(runs)
        while self.take("+"):
            more = self.product()
            total += length(more)
            if total > LONGEST:
                self.refuse_length()
            runs.extend(more)
        return runs

    def product(self) -> list[tuple[float, int]]:
        """Parse item * number * ..."""
        runs = self.item()
        while self.take("*"):
            times = self.take(r"\d{1,9}") or self.refuse()
            if length(runs) * int(times) > LONGEST:
                self.refuse_length()
            one_value = len(runs) == 1
            runs = [(runs[0][0], runs[0][1] * int(times))] if one_value else runs * int(times)
        return runs

    def item(self) -> list[tuple[float, int]]:
        """Parse (sum) or [number, number, ...]."""
        if self.take(r"\("):
            runs = self.sum()
            return runs if self.take(r"\)") else self.refuse()
        if not self.take(r"\["):
            self.refuse()
        runs = [(self.number(), 1)]
        while self.take(","):
            if self.tokens and self.tokens[-1] == "]":
                break
            runs.append((self.number(), 1))
        return runs if self.take(r"\]") else self.refuse()

    def number(self) -> float:
        """Parse a number with an optional sign, or True or False."""
        sign = self.take(r"[+-]")
        text = self.take(rf"{NUMBER}|True|False") or self.refuse()
        value = float(text == "True") if text in ("True", "False") else float(text)
        return -value if sign == "-" else value

    def take(self, pattern: str) -> str | None:
        """Remove and return the next token if it matches the pattern."""
        wanted = pattern if len(pattern) > 1 else re.escape(pattern)
        if self.tokens and re.fullmatch(wanted, self.tokens[-1]):
            return self.tokens.pop()
        return None

    def refuse_length(self) -> NoReturn:
        """Raise ValueError: too many entries."""
        raise ValueError(f"{self.name}={shown(self.text)} has more than {LONGEST} entries")

    def refuse(self) -> NoReturn:
        """Raise ValueError: not in the grammar."""
        raise ValueError(
            f"{self.name}={shown(self.text)} must be a number, or a schedule as "
            f"[[0, 12], [0.4, 4]] or '[12]*400+[4]*600'{decimal_point(self.text)}"
        )


def depth(tokens: list[str]) -> int:
    """Return the largest depth of nested brackets."""
    opened = [1 if token in "([" else -1 if token in ")]" else 0 for token in tokens]
    return max(accumulate(opened), default=0)


def length(runs: list[tuple[float, int]]) -> int:
    """Return the number of entries."""
    return sum(times for _, times in runs)
