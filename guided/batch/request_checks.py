"""Reject settings that have no effect in the requested mode. Imports no torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException

from guided.config.composition import compose
from guided.config.overrides import name_of
from guided.errors import BadInput

# Settings that are allowed with resume=.
RESUMING = ("resume", "device", "workers", "debug", "folder", "trust")
# Settings of the command line that do something else than draw a prompt.
INSTEAD = ("from", "show", "import", "resume", "gallery", "models", "prompts", "trust")
MANY = ("batch", "keep", "workers")  # settings of a batch, whose pictures are saved
LAUNCHERS = "hydra/launcher=joblib, ray, submitit_local or submitit_slurm"


def check_launching(hydras: Sequence[str], words: Sequence[str], launched: bool) -> None:
    """Raise BadInput for settings of Hydra or workers= without a launcher, or for ones that Hydra
    refuses with it."""
    others = [word for word in hydras if not word.endswith("=basic")]
    if launched:
        try:
            compose(hydras)
        except HydraException as error:
            raise BadInput(f"hydra/launcher: {' '.join(str(error).split())}") from error
    elif others:
        raise BadInput(
            f"{name_of(others[0])}= does nothing without a launcher; choose one: {LAUNCHERS}"
        )
    elif any(name_of(word) == "workers" and word != "workers=1" for word in words):
        raise BadInput(f"workers= does nothing without a launcher; choose one: {LAUNCHERS}")


def check_resuming(settings: Mapping[str, str]) -> None:
    """Raise BadInput for settings that cannot be changed with resume=."""
    other = [name for name in settings if name not in RESUMING]
    if other:
        raise BadInput(
            f"{other[0]}= cannot be given with resume=, which keeps the batch's settings; "
            f"{', '.join(RESUMING[1:])} can"
        )
    if "folder" in settings and settings["resume"] != "latest":
        raise BadInput("folder= is where resume=latest looks for runs; resume=FOLDER needs none")


def check_called(words: Iterable[str], function: str) -> None:
    """Raise BadInput for settings of the command line in a call of a Python `function`."""
    for word in words:
        name = name_of(word)
        if name in INSTEAD:
            raise BadInput(f"{name}= is for the command line; {function}() draws its prompt")
        if name.partition(".")[0].partition("/")[0] == "hydra" or name == "workers":
            raise BadInput(f"{name}= is for the command line; {function}() draws here and now")


def check_shown(plan: Any, words: Iterable[str]) -> None:
    """Raise BadInput for settings of a batch in a call of `frames`, which saves nothing."""
    for word in words:
        if (name := name_of(word)) in MANY:
            raise BadInput(f"{name}= is for generate(); frames() draws one row and keeps nothing")
    if len(plan.devices) > 1:
        raise BadInput(f"device={plan.devices}: frames() draws on one; generate() shares a batch")
