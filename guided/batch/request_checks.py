"""Reject settings that have no effect in the requested mode. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from guided.config.overrides import Override
from guided.config.schema import having
from guided.errors import BadInput


def check_resuming(settings: Mapping[str, str]) -> None:
    """Raise BadInput for settings that cannot be changed with resume=."""
    resumable = having("resumable")
    other = [name for name in settings if name not in resumable]
    if other:
        raise BadInput(
            f"{other[0]}= cannot be given with resume=, which keeps the batch's settings; "
            f"{', '.join(name for name in resumable if name != 'resume')} can"
        )
    if "folder" in settings and settings["resume"] != "latest":
        raise BadInput("folder= is where resume=latest looks for runs; resume=FOLDER needs none")


def check_called(words: Iterable[Override], function: str) -> None:
    """Raise BadInput for settings of the command line in a call of a Python `function`."""
    for word in words:
        name = word.name
        if name != "workers" and name in having("from_python", False):
            raise BadInput(f"{name}= is for the command line; {function}() draws its prompt")
        if word.is_hydras or name == "workers":
            raise BadInput(f"{name}= is for the command line; {function}() draws here and now")


def check_shown(plan: Any, words: Iterable[Override]) -> None:
    """Raise BadInput for settings of a batch in a call of `frames`, which saves nothing."""
    for word in words:
        if (name := word.name) in having("saves"):
            raise BadInput(f"{name}= is for generate(); frames() draws one row and keeps nothing")
    if len(plan.devices) > 1:
        raise BadInput(f"device={plan.devices}: frames() draws on one; generate() shares a batch")
