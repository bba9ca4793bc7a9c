"""What a user did wrong, said in one line. Knows nothing about where it happened."""

import difflib
from collections.abc import Iterable


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
    return f"{setting}={value} is not one of {', '.join(choices)}{nearest(str(value), choices)}"


def shown(value: object) -> str:
    """The value, not longer than a line."""
    text = str(value)
    return text if len(text) <= 80 else text[:77] + "..."
