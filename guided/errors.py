"""Exceptions for the user's errors, and the parts of their one-line messages."""

import difflib
import math
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

LONGEST = 2000  # characters of a message
# C0 and C1; direction marks; line separators; surrogates; byte order. Not among them: joiners
# (U+200C, U+200D), which Persian and emoji need, and the tags of flags (from U+E0020).
UNPRINTABLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff0-\ufffb\ufffe\uffff\ud800-\udfff"
)
CONTROL = re.compile(f"[{UNPRINTABLE}]")
CONTROL_OR_BREAK = re.compile(f"[\t\n{UNPRINTABLE}]")


# What people type for a choice, and the choices that it may mean, of which one may be there.
MEANT = {
    **dict.fromkeys(("true", "yes", "on", "1"), ("both", "slow_zoom", "auto")),
    **dict.fromkeys(("false", "no", "off", "0", "null"), ("none", "off")),
    **dict.fromkeys(("xy", "all"), ("both",)),
    **dict.fromkeys(("half", "fp16"), ("float16",)),
    **dict.fromkeys(("full", "single", "fp32"), ("float32",)),
    "bf16": ("bfloat16",),
    **dict.fromkeys(("gpu", "nvidia"), ("cuda",)),
    **dict.fromkeys(("crop", "fill"), ("cover",)),
    **dict.fromkeys(("scale", "resize", "fit"), ("stretch",)),
    **dict.fromkeys(("color", "colour", "gray", "colorize"), ("grey",)),
    **dict.fromkeys(("tiff", "tif", "bmp"), ("png",)),
}  # fmt: skip


class BadInput(ValueError):
    """Invalid input: names the setting, the value and the allowed values. Exit code 2."""


class Untold(BadInput):
    """An error of another library that is not in our words yet: `told` adds the file that its
    value was read from to these."""

    def __init__(self, error: Exception, told: Callable[[str], str]) -> None:
        super().__init__(str(error))
        self.error, self.told = error, told


class Failed(RuntimeError):
    """Pictures that could not be drawn: which, why, and the command that retries them."""


class NoRoom(MemoryError):
    """Memory ran out and nothing can be reduced further: names the settings that help."""


@contextmanager
def told_behind(where: str) -> Iterator[None]:
    """Put the place of a value, a file or a setting, before the message of a BadInput."""
    try:
        yield
    except BadInput as error:
        raise BadInput(f"{where}: {error}") from error


def nearest(word: str, choices: Iterable[str], cutoff: float = 0.6) -> str:
    """Return `, did you mean 'steps'?` for the choice that the word means, or the nearest number,
    or the most similar choice, or else one that begins with the word, or has nearly its letters in
    another order; an empty text if none has a similarity (0..1) of at least `cutoff`. Capitals do
    not count."""
    choices, word = list(choices), str(word)
    meant = [one for one in MEANT.get(word.lower(), ()) if one in choices]
    numbers = [one for one in choices if one.isdecimal()] if word.isdecimal() else []
    similar = meant or sorted(numbers, key=lambda one: abs(int(one) - int(word)))
    small = {one.lower(): one for one in choices}
    similar = similar or [
        small[one] for one in difflib.get_close_matches(word.lower(), small, n=1, cutoff=cutoff)
    ]
    similar = similar or [one for one in choices if len(word) > 2 and one.startswith(word)]
    if not similar:
        letters = {"".join(sorted(one)): one for one in choices}
        found = difflib.get_close_matches("".join(sorted(word)), letters, n=1, cutoff=0.85)
        similar = [letters[one] for one in found]
    return f", did you mean '{similar[0]}'?" if similar else ""


def decimal_point(value: object) -> str:
    """Return `; with a decimal point it is 0.5` for 0,5, as many countries write numbers; an empty
    text for anything else."""
    if not re.fullmatch(r"\s*[-+]?[\d.]{0,30}\d,\d{1,30}\s*", text := str(value)):
        return ""
    return f"; with a decimal point it is {text.strip().replace('.', '').replace(',', '.')}"


def not_one_of(setting: str, value: object, choices: Iterable[str]) -> str:
    """Return the message for a value that is not among the choices."""
    choices = [str(choice) for choice in choices]
    value = shown(value)
    return f"{setting}={value} is not one of {', '.join(choices)}{nearest(value, choices)}"


def shown(value: object) -> str:
    """Return the value as printable text of at most 80 characters: the beginning, and of a path
    the end too, which has the file's name. True, False and None are spelt as one types them."""
    if value is None or isinstance(value, bool):
        return "null" if value is None else str(value).lower()
    try:
        text = str(value)
    except ValueError:  # of an integer of thousands of digits
        return "a number of thousands of digits"
    text = printable(text)
    if len(text) <= 80:
        return text
    is_path = "/" in text and not any(map(str.isspace, text))
    return f"{text[:17]}...{text[-60:]}" if is_path else text[:77] + "..."


def printable(text: str, lines: bool = False) -> str:
    """Return `text` with control characters, direction marks and line separators escaped as in
    Python. Without `lines`, line breaks and tabs too, and a text of more than LONGEST characters
    is shortened in the middle. Letters of every script and emoji are unchanged."""
    pattern = CONTROL if lines else CONTROL_OR_BREAK
    text = pattern.sub(lambda match: ascii(match[0])[1:-1], text)
    if lines or len(text) <= LONGEST:
        return text
    return f"{text[: LONGEST * 2 // 3]} ... {text[-LONGEST // 3 :]}"


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message."""
    return next(iter(str(error).splitlines()), type(error).__name__)


def check_number(
    name: str, value: Any, low: float = -math.inf, high: float = math.inf, whole: bool = False
) -> None:
    """Raise ValueError, naming the setting, unless the value is a finite number in [low, high],
    and an integer if `whole`."""
    fits = is_number(value) and is_finite(value) and low <= value <= high
    if not fits or (whole and value != int(value)):
        beyond = is_number(value) and (value < low or value > high)
        near = f"; the nearest is {digits(min(max(value, low), high))}" if beyond else ""
        near = near or (decimal_point(value) if isinstance(value, str) else "")
        raise ValueError(f"{name}={shown(value)} must be {range_text(low, high, whole)}{near}")


def is_number(value: Any) -> bool:
    """Return whether the value is an int or float and no bool."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def as_integer(value: Any) -> Any:
    """Return a float without a fraction as an int, anything else unchanged."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def range_text(low: float, high: float, whole: bool) -> str:
    """Return the allowed numbers in words: `a whole number from 1 to 64`."""
    kind = "a whole number" if whole else "a number"
    if math.isinf(low):
        return kind
    if math.isinf(high):
        return f"{kind} of {digits(low)} or more"
    return f"{kind} from {digits(low)} to {digits(high)}"


def digits(value: float) -> str:
    """Return a limit: all digits of an integer, six of a float."""
    return str(value) if isinstance(value, int) else f"{value:g}"


def is_finite(value: float) -> bool:
    """Return whether a float can represent the number: integers may be too large."""
    return -sys.float_info.max <= value <= sys.float_info.max
