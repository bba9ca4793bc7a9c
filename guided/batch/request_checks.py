"""What does not apply to what was asked for: said in one line rather than left unheeded.

Knows nothing about drawing; imports no torch.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hydra.errors import HydraException

from guided.config.composition import compose
from guided.config.overrides import Override
from guided.config.schema import having
from guided.errors import BadInput

LAUNCHERS = "hydra/launcher=joblib, ray, submitit_local or submitit_slurm"


def check_launching(hydras: Sequence[Override], words: Sequence[Override], launched: bool) -> None:
    """Hydra's own settings and workers= mean something to a launcher only."""
    others = [word for word in hydras if word.text != "basic"]
    if launched:
        try:
            compose(hydras)
        except HydraException as error:
            raise BadInput(f"hydra/launcher: {' '.join(str(error).split())}") from error
    elif others:
        raise BadInput(
            f"{others[0].name}= does nothing without a launcher; choose one: {LAUNCHERS}"
        )
    elif any(word.name == "workers" and word.text != "1" for word in words):
        raise BadInput(f"workers= does nothing without a launcher; choose one: {LAUNCHERS}")


def check_resuming(said: Mapping[str, str]) -> None:
    resumable = having("resumable")
    other = [name for name in said if name not in resumable]
    if other:
        raise BadInput(
            f"{other[0]}= cannot be said with resume=, which goes on as it was begun; "
            f"{', '.join(name for name in resumable if name != 'resume')} can"
        )
    if "folder" in said and said["resume"] != "latest":
        raise BadInput("folder= says where resume=latest is looked for; resume=FOLDER needs none")


def check_called(words: Iterable[Override], what: str) -> None:
    """Raise BadInput for settings that a call from Python, which draws here and now, lacks."""
    for word in words:
        name = word.name
        if name != "workers" and name in having("from_python", False):
            raise BadInput(f"{name}= is for the command line; {what}() draws its prompt")
        if word.is_hydras or name == "workers":
            raise BadInput(f"{name}= is for the command line; {what}() draws here and now")


def check_shown(plan: Any, words: Iterable[Override]) -> None:
    """`frames` draws the pictures of one row and saves none."""
    for word in words:
        if (name := word.name) in having("saves"):
            raise BadInput(f"{name}= is for generate(); frames() draws one row and keeps nothing")
    if len(plan.devices) > 1:
        raise BadInput(f"device={plan.devices}: frames() draws on one; generate() shares a batch")
