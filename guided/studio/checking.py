"""What a prediction's input is understood to be, before it is queued: words, plan and warnings.

Composing a configuration takes a moment and uses Hydra's global state, so one thread does all of
it; configurations with the same choices are composed once. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from guided.batch.asked import Words
from guided.batch.planning import planned
from guided.config import choices
from guided.config.composer import Composer
from guided.config.messages import BAD, say
from guided.config.overrides import Override, raws
from guided.config.plan import Plan
from guided.config.replay import Record
from guided.console import warnings_collected
from guided.errors import BadInput, shown
from guided.models.cards import cache
from guided.runs.manifest import Row
from guided.studio import inputs
from guided.studio.inputs import Checked
from guided.studio.places import without_paths

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
        """Return what an input asks for. BadInput in one line for whatever is wrong, in which
        pictures have the ids that the input has."""
        names = {str(cache()): "the cache"}
        for folder in choices.own_folders(self.flags):
            names |= {str(folder): "presets", str(folder.resolve()): "presets"}

        def found(name: str) -> Path:
            path = find(name)
            names[str(path)] = name
            return path

        with warnings_collected() as warnings:
            try:
                checked = self.checked(given, found, warnings)
            except BAD as error:
                raise BadInput(without_paths(say(error), names)) from error
        checked.missing = without_paths(checked.missing, names)
        told = warnings[:MOST_WARNINGS]
        checked.warnings = [without_paths(line, names) for line in told]
        return checked

    def checked(
        self, given: Mapping[str, Any], find: Callable[[str], Path], warnings: list[str]
    ) -> Checked:
        """Return what an input asks for, with all warnings, and with files by their paths."""
        read = inputs.read(given, find, self.flags)
        composer, row = self.composer, Row(raws(read.words))
        recorded = None
        if read.recorded is not None:
            recorded = Record.read(str(read.recorded))
            composer = Composer([*self.base, *read.words], self.flags, recorded)
            row = Row()
        words = Words.of([*self.base, *read.words])
        with (
            words.limited(self.flags, recorded),
            planned(composer, row, weights=False) as (plan, _),
        ):
            if recorded is None:
                check_files(plan, read.files)
            missing = plan.missing()
            return Checked(read, plan, warnings, missing)


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
