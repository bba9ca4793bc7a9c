"""What a user did wrong, said in one line. Knows nothing about where it happened."""

import difflib
import math
import re
import sys
from collections.abc import Iterable
from typing import Any

LONGEST = 2000  # characters of a message
# C0 and C1; marks of direction; separators of lines; halves of surrogate pairs; byte order.
# Joiners (U+200C, U+200D), which Persian and emoji need, and the tags of a flag (U+E0020 on) stay.
UNPRINTABLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
)
CONTROL = re.compile(f"[{UNPRINTABLE}]")
CONTROL_OR_BREAK = re.compile(f"[\t\n{UNPRINTABLE}]")


class BadInput(ValueError):
    """Names the setting, the value and what is allowed. run.py prints it and exits with 2."""


class Failed(RuntimeError):
    """Some of what was asked for could not be drawn: what, why, and how to try again, in lines."""


class NoRoom(MemoryError):
    """Memory ran out, and nothing that is left could be made smaller: what to set, in one line."""


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.5) -> str:
    """`, did you mean 'steps'?` or nothing; a cutoff nearer to 1 asks for more likeness."""
    found = difflib.get_close_matches(str(word), list(choices), n=1, cutoff=cutoff)
    return f", did you mean '{found[0]}'?" if found else ""


def not_one_of(setting: str, value: object, choices: Iterable[str]) -> str:
    choices = [str(choice) for choice in choices]
    value = shown(value)
    return f"{setting}={value} is not one of {', '.join(choices)}{nearest(value, choices)}"


def shown(value: object) -> str:
    """Return the value as text that is printable and not longer than a line."""
    try:
        text = str(value)
    except ValueError:  # of an integer of thousands of digits
        return "a number of thousands of digits"
    text = printable(text)
    return text if len(text) <= 80 else text[:77] + "..."


def printable(text: str, lines: bool = False) -> str:
    """Return `text` with control characters, changes of the direction of writing and separators
    of lines escaped as in Python; `lines` leaves line breaks and tabs. What is longer than a
    message should be is shortened in its middle. Letters of every script and emoji stay."""
    pattern = CONTROL if lines else CONTROL_OR_BREAK
    text = pattern.sub(lambda found: ascii(found[0])[1:-1], text)
    if lines or len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST * 2 // 3]} ... {text[-LONGEST // 3 :]}"


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> None:
    """ValueError naming the setting unless value is finite, in [low, high] and whole if asked."""
    fits = is_number(value) and is_finite(value) and low <= value <= high
    if not fits or (whole and value != int(value)):
        beyond = is_number(value) and (value < low or value > high)
        near = f"; the nearest is {min(max(value, low), high):g}" if beyond else ""
        raise ValueError(f"{name}={shown(value)} must be {range_text(low, high, whole)}{near}")


def is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def range_text(low: float, high: float, whole: bool) -> str:
    kind = "a whole number" if whole else "a number"
    if math.isinf(low):
        return kind
    return kind + (f" from {low:g} to {high:g}" if math.isfinite(high) else f" of {low:g} or more")


def is_finite(value: float) -> bool:
    """Is it a number that a float can hold? An integer may be too large for one."""
    return -sys.float_info.max <= value <= sys.float_info.max
