"""Values of Disco's and DiscoArt's files: numbers that JSON turned into fractions or texts, and
lists of a thousand values, one for each thousandth of the run."""

import math
import re
from typing import Any

from guided.errors import BadInput, as_integer, decimal_point, is_number, shown
from guided.schedule import STEP, Runs, Schedule, schedule
from guided.untrusted import yaml_reader

TRUE = ("true", "1", "1.0", "yes", "on")
TRUTHS = (*TRUE, "false", "0", "0.0", "no", "off")
LISTED = re.compile(
    r"\s*(\(\s*[\d.-]|[\[{]\s*[]}\d.\"'-])", re.DOTALL
)  # how a list as text begins
STEPS = 1000  # entries of their lists, whatever the number of steps


def text(name: str, value: Any) -> str:
    """Return a text or a number as text. Raise ValueError for lists and mappings: with aliases
    they can be larger than the memory."""
    if isinstance(value, list | tuple | set | dict):
        raise ValueError(f"{name} must be one value, not several")
    return str(value)


def number(name: str, value: Any) -> Any:
    """Return 12 for 12, 12.0 and "12". Raise ValueError, naming the setting, unless it is a finite
    number."""
    typed = text(name, value)
    value = int(value) if isinstance(value, bool) else value  # as Python counts
    if re.fullmatch(r"\s*[+-]?\d{1,100}\s*", typed):  # a float would round a long seed
        return int(typed)
    try:
        result = float(
            value if is_number(value) else {"true": "1", "false": "0"}.get(typed.lower(), typed)
        )
    except (ValueError, OverflowError) as error:
        raise ValueError(
            f"{name}={shown(typed)} must be a number{decimal_point(typed)}"
        ) from error
    if not math.isfinite(result):
        raise ValueError(f"{name}={shown(typed)} must be a finite number")
    return value if isinstance(value, int) and is_number(value) else as_integer(result)


def truth(name: str, value: Any) -> bool:
    """Return the bool of True, "true", 1 or 1.0. Raise ValueError, naming the setting, if it is
    none."""
    typed = text(name, value).strip().lower()
    if typed not in TRUTHS:
        raise ValueError(f"{name}={shown(value)} must be true or false")
    return typed in TRUE


def unpacked(value: Any) -> Any:
    """Return the list or mapping that a form or Python has saved as text, "[0.09]" or "['a']"; all
    else as it is."""
    if not isinstance(value, str) or not LISTED.match(value):
        return value
    round = value.strip().startswith("(") and value.strip().endswith(")")
    typed = f"[{value.strip()[1:-1]}]" if round else value
    try:
        found = yaml_reader.read(typed, "a list")
    except BadInput:
        return value
    return found if isinstance(found, list | dict) else value


def two_sides(name: str, value: Any) -> list[int]:
    """Return width and height of [512, 448], "(512, 448)", "512x448" or "512, 448". Raise
    ValueError, naming the setting, for anything else."""
    parts = value
    if isinstance(value, str):
        parts = [part for part in re.split(r"[^\d.-]+", value) if part]
    if not isinstance(parts, list) or len(parts) != 2:
        raise ValueError(f"{name}={shown(value)} must be [width, height]")
    return [int(number(name, side)) for side in parts]


def timed(name: str, value: Any, notes: list[str]) -> Any:
    """Return a number, or a list of a thousand values as a schedule: unchanged if it has the same
    meaning here, else as pairs. Raise ValueError, naming the setting, for other values."""
    if isinstance(value, bool) or is_number(value):
        return number(name, int(value) if isinstance(value, bool) else value)
    if isinstance(value, list) and not all(isinstance(entry, int | float) for entry in value):
        raise ValueError(f"{name}: a list of values must have nothing but numbers in it")
    listed = isinstance(value, list)
    typed = "+".join(f"[{entry}]" for entry in value) if listed else text(name, value)
    try:
        return int(truth(name, typed)) if typed in ("True", "False") else number(name, typed)
    except ValueError:
        result = schedule(name, typed)
    if result.way != STEP:
        return typed
    runs = Runs(name, typed).read()
    total = sum(times for _, times in runs)
    if total == STEPS and not listed:
        return as_integer(result.values[0]) if result.constant else typed
    if total < STEPS:
        notes.append(
            f"{name} has {total} values; there, the run stopped where the thousandth was asked "
            "for; here, the last one holds"
        )
    pairs: list[list[Any]] = []
    start = 0
    for one, times in runs:
        if times and start < STEPS and (not pairs or pairs[-1][1] != as_integer(one)):
            pairs.append([start / STEPS, as_integer(one)])
        start += times
    return pairs[0][1] if len(pairs) == 1 else pairs


def product(value: Any, on: Any, off: float | None = None) -> Any:
    """Return a schedule where another one is not 0; elsewhere 0, or `off`."""
    first, second = schedule("value", value), schedule("schedule", on)
    pairs: list[list[float]] = []
    for at in sorted({*points(first), *points(second)}):
        here = as_integer(first(at)) if second(at) else (0 if off is None else off)
        if not pairs or pairs[-1][1] != here:
            pairs.append([at, here])
    return pairs[0][1] if len(pairs) == 1 else pairs


def points(values: Schedule) -> list[float]:
    """Return the progress at which a schedule changes: every thousandth if it is interpolated."""
    steps = [k / STEPS for k in range(STEPS)] if values.way != STEP else []
    return [0.0, *values.starts, *steps]
