"""A number that varies over the run. Knows nothing about what the number means.

Progress goes from 0 (pure noise) to 1 (done). A schedule is written as
  12                                  the same all along
  [[0, 12], [0.4, 4]]                 12 until 40 % of the run, 4 from there on
  {linear: [[0, 12], [1, 4]]}         on the way from one to the next all the time; also cosine
  "[12]*400+[4]*600"                  Disco Diffusion's lists: equal shares of the run, any length
  "0: (12), 40: (4)"                  Disco Diffusion's key frames, in per cent of the run; linear
"""

import math
import re
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NoReturn

from guided.errors import check_number, is_number, not_one_of, range_text, shown

HEAVIEST = 1e9  # of weights, whose sums and squares then are finite
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
    return f"{range_text(low, high, whole)}, or pairs [progress, value], as [[0, 12], [0.4, 4]]"


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


LONGEST = 100_000  # entries of a list, so that a slip of the pen cannot fill the memory


NUMBER = r"(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


TOKEN = re.compile(rf"{NUMBER}|True|False|[\[\](),*+-]")


KEY = re.compile(rf"\s*(?P<at>\d+\.?\d*)\s*:\s*\(\s*(?P<value>[+-]?{NUMBER})\s*\)\s*")


def read_text(name: str, text: str) -> tuple[bool, list[list[float]]]:
    """(linear between the pairs?, pairs [progress, value]). ValueError names the setting."""
    if re.match(r"\s*\d+\.?\d*\s*:", text):
        return True, read_keys(name, text)
    runs = Runs(name, text).read()
    total = length(runs)
    pairs, at = [], 0
    for value, times in runs:
        if times and (not pairs or pairs[-1][1] != value):
            pairs.append([at / total, value])
        at += times
    return False, pairs


def read_keys(name: str, text: str) -> list[list[float]]:
    """'0: (1.0), 50: (0.2)' -> [[0, 1.0], [0.5, 0.2]]."""
    pairs = []
    for part in text.strip().rstrip(",").split(","):
        found = KEY.fullmatch(part)
        if found is None:
            raise ValueError(
                f"{name}={shown(text)}: {part.strip()!r} is no key frame; as in "
                "'0: (1.0), 50: (0.2)'"
            )
        at = float(found["at"])
        if at > 100:
            raise ValueError(
                f"{name}={shown(text)}: key frames are per cent of the run, 0 to 100, not {at:g}"
            )
        pairs.append([at / 100, float(found["value"])])
    return pairs


class Runs:
    """Reads '[12]*400+[4]*600' into [(12, 400), (4, 600)]. Nothing is evaluated: lists of
    numbers, a whole number of times, joined by plus signs, with or without parentheses around
    them, and no more. Recursive descent, one method for each rule of the grammar."""

    def __init__(self, name: str, text: str) -> None:
        self.name, self.text = name, text
        tokens = TOKEN.findall(text) if len(text) <= LONGEST else []
        if "".join(tokens) != re.sub(r"\s", "", text) or depth(tokens) > 20:
            self.refuse()
        self.tokens = tokens[::-1]  # the next one at the end, where taking it is quick

    def read(self) -> list[tuple[float, int]]:
        runs = self.sum()
        if self.tokens or not length(runs):
            self.refuse()
        return runs

    def sum(self) -> list[tuple[float, int]]:
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
        runs = self.item()
        while self.take("*"):
            times = self.take(r"\d{1,9}") or self.refuse()
            if length(runs) * int(times) > LONGEST:
                self.refuse_length()
            one_value = len(runs) == 1
            runs = [(runs[0][0], runs[0][1] * int(times))] if one_value else runs * int(times)
        return runs

    def item(self) -> list[tuple[float, int]]:
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
        sign = self.take(r"[+-]")
        text = self.take(rf"{NUMBER}|True|False") or self.refuse()
        value = float(text == "True") if text in ("True", "False") else float(text)
        return -value if sign == "-" else value

    def take(self, pattern: str) -> str | None:
        """The next token, where it is what is wanted."""
        wanted = pattern if len(pattern) > 1 else re.escape(pattern)
        if self.tokens and re.fullmatch(wanted, self.tokens[-1]):
            return self.tokens.pop()
        return None

    def refuse_length(self) -> NoReturn:
        raise ValueError(f"{self.name}={shown(self.text)} has more than {LONGEST} entries")

    def refuse(self) -> NoReturn:
        raise ValueError(
            f"{self.name}={shown(self.text)} must be a number, or a schedule as "
            "[[0, 12], [0.4, 4]] or '[12]*400+[4]*600'"
        )


def depth(tokens: list[str]) -> int:
    """How deep its brackets go."""
    opened = [1 if token in "([" else -1 if token in ")]" else 0 for token in tokens]
    return max(accumulate(opened), default=0)


def length(runs: list[tuple[float, int]]) -> int:
    return sum(times for _, times in runs)
