"""Sweeps: overrides with several values (behind -m), expanded into the rows of a batch.

The grammar is Hydra's: a,b,c  choice(a,b)  range(0,8,2)  glob(*,exclude=x)  sort(...)
shuffle(...). Imports no torch.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from hydra.core.override_parser.types import Glob, RangeSweep

from guided.config import choices
from guided.config.overrides import Override, parse_all, raws
from guided.config.schema import having
from guided.errors import BadInput, shown
from guided.runs.manifest import Row
from guided.text import split

MOST = 10_000  # rows of a batch
CALL = re.compile(r"\w+\(.*\)", re.DOTALL)


def expanded(
    words: Sequence[Override | str], flags: Sequence[str] = ()
) -> tuple[list[Override], list[Row]]:
    """Return the overrides that hold for every row, and the rows that the others make; the last
    one varies fastest. BadInput if a sweep is infinite or empty."""
    words = parse_all(words)
    several: dict[Override, list[Override]] = {}
    for word in words:
        if (values := variants(word, flags)) is not None:
            several[word] = values
            check_count(math.prod(map(len, several.values())), " ".join(raws(several)))
    for word in several:
        if word.is_hydras or word.root in having("per_row", False):
            raise BadInput(
                f"{shown(word.raw)} holds for the whole batch and has one value, also behind -m"
            )
    rows = [
        Row(raws(chosen), settings_of(chosen)) for chosen in itertools.product(*several.values())
    ]
    return [word for word in words if word not in several], rows


def variants(word: Override, flags: Sequence[str] = ()) -> list[Override] | None:
    """Return an override for each value of a swept one; None if it has only one value."""
    text = word.text or ""
    if word.key in having("own_names") and not text.startswith("[") and not CALL.fullmatch(text):
        items = split(text)
        return [word.with_text(item) for item in items] if len(items) > 1 else None
    if not word.swept or word.hydra is None:
        return None
    if not word.hydra.is_discrete_sweep():
        raise BadInput(
            f"{shown(word.raw)} has no end; range(0,10) has, or choose another hydra/sweeper"
        )
    values = word.hydra.value()
    if isinstance(values, RangeSweep):
        check_count(length(word.raw, values), word.raw)
    texts = (
        options(word, values, flags)
        if isinstance(values, Glob)
        else list(word.hydra.sweep_string_iterator())
    )
    if not texts:
        raise BadInput(f"{shown(word.raw)} has nothing in it")
    return [word.with_text(one) for one in texts]


def length(word: str, sweep: RangeSweep) -> float:
    """Return how many values a range has."""
    start, stop, step = (float(value or 0) for value in (sweep.start, sweep.stop, sweep.step))
    if step == 0 or not all(map(math.isfinite, (start, stop, step))):
        raise BadInput(f"{shown(word)} must have finite numbers, and a step that is not 0")
    return max(0.0, (stop - start) / step)


def check_count(count: float, words: str) -> None:
    """Raise BadInput for more rows than a batch can have, before they are made."""
    if count > MOST:
        raise BadInput(
            f"{shown(words)} makes {count:.9g} rows, which are too many; at most {MOST}"
        )


def options(word: Override, pattern: Glob, flags: Sequence[str]) -> list[str]:
    """Return the choices of a group that a pattern names."""
    names = choices.names(word.name, flags)
    if not names:
        raise BadInput(f"{shown(word.raw)}: glob is for groups of choices, as in sampler=glob(*)")
    return pattern.filter(names)


def settings_of(words: Iterable[Override]) -> dict[str, Any]:
    """Return the values by the names of the settings, for people to read."""
    return {word.key: word.value for word in words}
