"""`-m`: words with several values, expanded into rows before anything is drawn.

The grammar is Hydra's: a,b,c  choice(a,b)  range(0,8,2)  glob(*,exclude=x)  sort(...)
shuffle(...). Knows nothing about what the settings mean; imports no torch.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.types import Glob, Override, RangeSweep

from guided.config import choices
from guided.config.overrides import name_of, parsed, quote_one
from guided.config.presets import GROUPS
from guided.errors import BadInput, shown
from guided.runs.manifest import Row
from guided.text import split

# Whose values may be paths, or names in any script, which Hydra's grammar cannot read.
NAMED = ("model", "clip", *GROUPS)
# Of the batch or of the machine: no row can have its own.
WHOLE = (
    *("folder", "name", "cache", "models", "debug", "device", "trust"),
    *("prompts", "batch", "resume", "from", "show", "import", "gallery", "workers", "hydra"),
)
MOST = 10_000  # rows of a batch
CALL = re.compile(r"\w+\(.*\)", re.DOTALL)


def expanded(words: Sequence[str], flags: Sequence[str] = ()) -> tuple[list[str], list[Row]]:
    """The words that hold for every row, and the rows that the others make; the last one varies
    quickest. BadInput when a sweep has no end, or nothing in it."""
    several: dict[str, list[str]] = {}
    for word in words:
        if (found := variants(word, flags)) is not None:
            several[word] = found
            check_count(math.prod(map(len, several.values())), " ".join(several))
    for word in several:
        if name_of(word).split(".")[0] in WHOLE:
            raise BadInput(
                f"{shown(word)} holds for the whole batch and has one value, also behind -m"
            )
    rows = [
        Row(list(chosen), settings_of(chosen)) for chosen in itertools.product(*several.values())
    ]
    return [word for word in words if word not in several], rows


def variants(word: str, flags: Sequence[str] = ()) -> list[str] | None:
    """A word for each of its values; None when it has only one."""
    name, equals, value = word.partition("=")
    if equals and name in NAMED and not value.startswith("[") and not CALL.fullmatch(value):
        items = split(value)
        return [f"{name}={item}" for item in items] if len(items) > 1 else None
    found = parsed(quote_one(word))
    if found is None or not found.is_sweep_override():
        return None
    if not found.is_discrete_sweep():
        raise BadInput(
            f"{shown(word)} has no end; range(0,10) has, or choose another hydra/sweeper"
        )
    if isinstance(found.value(), RangeSweep):
        check_count(length(word, found.value()), word)
    key = found.get_key_element()
    values = (
        options(word, found, flags)
        if isinstance(found.value(), Glob)
        else list(found.sweep_string_iterator())
    )
    if not values:
        raise BadInput(f"{shown(word)} has nothing in it")
    return [f"{key}={text}" for text in values]


def length(word: str, sweep: RangeSweep) -> float:
    """Return how many values a range has."""
    start, stop, step = (float(value) for value in (sweep.start, sweep.stop, sweep.step))
    if step == 0 or not all(map(math.isfinite, (start, stop, step))):
        raise BadInput(f"{shown(word)} must have finite numbers, and a step that is not 0")
    return max(0.0, (stop - start) / step)


def check_count(count: float, words: str) -> None:
    """Raise BadInput for more rows than a batch can have, before they are made."""
    if count > MOST:
        raise BadInput(
            f"{shown(words)} makes {count:.9g} rows, which are too many; at most {MOST}"
        )


def options(word: str, found: Override, flags: Sequence[str]) -> list[str]:
    """The choices of a group that a pattern names."""
    names = choices.names(found.key_or_group, flags)
    if not names:
        raise BadInput(f"{shown(word)}: glob is for groups of choices, as in sampler=glob(*)")
    return found.value().filter(names)


def settings_of(words: Iterable[str]) -> dict[str, Any]:
    """What the words set, for people."""
    settings = {}
    for word in words:
        found = parsed(quote_one(word))
        name, _, text = word.partition("=")
        settings[name] = text if found is None or found.is_sweep_override() else found.value()
    return settings
