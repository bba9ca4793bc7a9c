"""What does not apply to what was asked for: said in one line rather than left unheeded.

Knows nothing about drawing; imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException

from guided.config.composition import compose
from guided.config.overrides import name_of
from guided.errors import BadInput

# What may be said when going on.
RESUMING = ("resume", "device", "workers", "debug", "folder", "trust")
# Done on the command line, instead of drawing a prompt.
INSTEAD = ("from", "show", "import", "resume", "gallery", "models", "prompts", "trust")
MANY = ("batch", "keep", "workers")  # for which something must be saved
LAUNCHERS = "hydra/launcher=joblib, ray, submitit_local or submitit_slurm"


def check_launching(hydras: Sequence[str], words: Sequence[str], launched: bool) -> None:
    """Hydra's own settings and workers= mean something to a launcher only."""
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


def check_resuming(said: Mapping[str, str]) -> None:
    other = [name for name in said if name not in RESUMING]
    if other:
        raise BadInput(
            f"{other[0]}= cannot be said with resume=, which goes on as it was begun; "
            f"{', '.join(RESUMING[1:])} can"
        )
    if "folder" in said and said["resume"] != "latest":
        raise BadInput("folder= says where resume=latest is looked for; resume=FOLDER needs none")


def check_called(words: Iterable[str], what: str) -> None:
    """From Python: `generate` draws what it is given, here and now."""
    for word in words:
        name = name_of(word)
        if name in INSTEAD:
            raise BadInput(f"{name}= is for the command line; {what}() draws its prompt")
        if name.partition(".")[0].partition("/")[0] == "hydra" or name == "workers":
            raise BadInput(f"{name}= is for the command line; {what}() draws here and now")


def check_shown(plan: Any, words: Iterable[str]) -> None:
    """`frames` draws the pictures of one row and saves none."""
    for word in words:
        if (name := name_of(word)) in MANY:
            raise BadInput(f"{name}= is for generate(); frames() draws one row and keeps nothing")
    if len(plan.devices) > 1:
        raise BadInput(f"device={plan.devices}: frames() draws on one; generate() shares a batch")
