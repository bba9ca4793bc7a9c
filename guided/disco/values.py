"""Values of Disco's and DiscoArt's files: numbers that JSON made fractions or texts, and lists of
a thousand values, one for each thousandth of the run. Knows no setting by name."""

import math
from typing import Any

from guided.errors import is_number, shown
from guided.schedule import STEP, Runs, Schedule, schedule

STEPS = 1000  # entries of their lists, whatever the number of steps


def text(name: str, value: Any) -> str:
    """A text or a number as text. ValueError for lists and mappings, which are not written out:
    aliases can make a few lines of YAML larger than the memory."""
    if isinstance(value, list | tuple | set | dict):
        raise ValueError(f"{name} must be one value, not several")
    return str(value)


def number(name: str, value: Any) -> Any:
    """12, 12.0 and "12" -> 12. ValueError names what is no number, or has no end."""
    said = text(name, value)
    try:
        found = float(value if is_number(value) else said)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{name}={shown(said)} must be a number") from error
    if not math.isfinite(found):
        raise ValueError(f"{name}={shown(said)} must be a finite number")
    return value if isinstance(value, int) and is_number(value) else tidy(found)


def tidy(value: Any) -> Any:
    """Whole numbers as such: a DocArray holds fractions only."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def truth(name: str, value: Any) -> bool:
    """True, "true" and 1.0 alike."""
    known = {"true": True, "false": False, "1": True, "0": False, "1.0": True, "0.0": False}
    said = text(name, value).lower()
    if said not in known:
        raise ValueError(f"{name}={shown(value)} must be true or false")
    return known[said]


def timed(name: str, value: Any, notes: list[str]) -> Any:
    """A number, or theirs of a thousand values, as a schedule of ours: text where it can stand as
    it is, else pairs. ValueError names what is neither."""
    if isinstance(value, bool) or is_number(value):
        return number(name, int(value) if isinstance(value, bool) else value)
    if isinstance(value, list) and not all(isinstance(entry, int | float) for entry in value):
        raise ValueError(f"{name}: a list of values must have nothing but numbers in it")
    listed = isinstance(value, list)
    said = "+".join(f"[{entry}]" for entry in value) if listed else text(name, value)
    try:
        return int(truth(name, said)) if said in ("True", "False") else number(name, said)
    except ValueError:
        found = schedule(name, said)
    if found.way != STEP:
        return said
    runs = Runs(name, said).read()
    total = sum(times for _, times in runs)
    if total == STEPS and not listed:
        return tidy(found.values[0]) if found.constant else said
    if total < STEPS:
        notes.append(
            f"{name} has {total} values; there, the run stopped where the thousandth was asked "
            "for; here, the last one holds"
        )
    pairs, at = [], 0
    for one, times in runs:
        if times and at < STEPS and (not pairs or pairs[-1][1] != tidy(one)):
            pairs.append([at / STEPS, tidy(one)])
        at += times
    return pairs[0][1] if len(pairs) == 1 else pairs


def product(value: Any, on: Any, off: float | None = None) -> Any:
    """A schedule where another, of 1 and 0, is on; elsewhere 0, or `off`."""
    first, second = schedule("value", value), schedule("schedule", on)
    pairs: list[list[float]] = []
    for at in sorted({*points(first), *points(second)}):
        here = tidy(first(at)) if second(at) else (0 if off is None else off)
        if not pairs or pairs[-1][1] != here:
            pairs.append([at, here])
    return pairs[0][1] if len(pairs) == 1 else pairs


def points(found: Schedule) -> list[float]:
    """Where it changes; a way between points changes at every thousandth."""
    steps = [k / STEPS for k in range(STEPS)] if found.way != STEP else []
    return [0.0, *found.starts, *steps]
