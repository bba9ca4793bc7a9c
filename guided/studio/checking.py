"""What a prediction's input is understood to be, before it is queued: words, plan and warnings.

Composing a configuration takes a moment and uses Hydra's global state, so one thread does all of
it; configurations with the same choices are composed once. Imports no torch.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.batch import asked
from guided.batch.planning import planned
from guided.config.composition import Composer
from guided.config.messages import BAD, say
from guided.config.overrides import Override, raws
from guided.config.plan import Plan
from guided.config.replay import Record
from guided.errors import BadInput, shown
from guided.runs.manifest import Row
from guided.studio import inputs
from guided.studio.inputs import Checked

SETTING = re.compile(r"'?([A-Za-z_][\w.]*)")
MOST_WARNINGS = 20


@dataclass
class Checker:
    """Reads inputs with the settings of this machine. To be used in one thread."""

    base: list[Override] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.composer = Composer(self.base, self.flags)

    def check(self, given: Mapping[str, Any], find: Callable[[str], Path]) -> Checked:
        """Return what an input asks for. BadInput in one line for whatever is wrong."""
        with collected() as warnings:
            try:
                return self.checked(given, find, warnings)
            except BAD as error:
                raise BadInput(say(error)) from error

    def checked(
        self, given: Mapping[str, Any], find: Callable[[str], Path], warnings: list[str]
    ) -> Checked:
        read = inputs.read(given, find, self.flags)
        composer, row = self.composer, Row(raws(read.words))
        recorded = None
        if read.recorded is not None:
            recorded = Record.read(str(read.recorded))
            composer = Composer([*self.base, *read.words], self.flags, recorded)
            row = Row()
        words = [*self.base, *read.words]
        with (
            asked.limited(words, self.flags, recorded),
            planned(composer, row, weights=False) as (plan, _),
        ):
            if recorded is None:
                check_files(plan, read.files)
            return Checked(read, plan, warnings, plan.missing())


def check_files(plan: Plan, named: Sequence[Path]) -> None:
    """Raise BadInput if a plan opens a picture that its input does not name by an id."""
    if others := set(plan.files) - {str(path) for path in named}:
        raise BadInput(f"{shown(min(others))} is no id of a picture")


def setting_of(message: str, given: Mapping[str, Any]) -> str | None:
    """Return the name in an input that an error's message is about; None if it names none."""
    named = SETTING.match(message)
    found = [name for name in given if named and named[1] in (name, f"{name}.")]
    nested = [name for name in given if named and named[1].startswith(f"{name}.")]
    inside = [name for name in given if named and name.startswith(f"{named[1]}.")]
    return next(iter([*found, *nested, *inside]), None)


@contextmanager
def collected() -> Iterator[list[str]]:
    """Yield a list that gets the warnings of this thread while the block lasts."""
    handler = Collector()
    logger = logging.getLogger("guided")
    logger.addHandler(handler)
    before, logger.propagate = logger.propagate, False  # they are answered, not printed
    try:
        yield handler.lines
    finally:
        logger.propagate = before
        logger.removeHandler(handler)


class Collector(logging.Handler):
    """A handler that keeps the warnings of the thread that made it, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.thread, self.lines = threading.get_ident(), list[str]()

    def emit(self, record: logging.LogRecord) -> None:
        text = record.getMessage()
        new = text not in self.lines and len(self.lines) < MOST_WARNINGS
        if record.thread == self.thread and new:
            self.lines.append(text)
