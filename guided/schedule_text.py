"""Disco Diffusion's two ways of writing a schedule, as text, into pairs [progress, value].

Lists, "[12]*400+[4]*600", are equal shares of the run, whatever their length. Key frames,
"0: (1.0), 50: (0.2)", are in per cent of the run. Both were handed to `eval`; here neither is.
"""

import re
from itertools import accumulate
from typing import NoReturn

from guided.errors import shown

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
