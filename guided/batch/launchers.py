"""Workers on one folder, started by Hydra's launchers: joblib, submitit (local and Slurm), ray.

    python run.py prompts=prompts.txt hydra/launcher=submitit_slurm workers=8

Each job is a worker that takes the next pictures from the batch's queue, so the pictures of a lost
one are drawn by the others, or with resume=.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from hydra.errors import HydraException

from guided.config.composition import compose
from guided.config.messages import say
from guided.config.overrides import Override, raws, values_of
from guided.config.values import spelt
from guided.errors import BadInput, not_one_of
from guided.runs.layout import JOBS

Launch = Callable[[list[str]], None]  # runs Hydra with these arguments
# The package behind each launcher, and the extra that installs it.
PLUGINS = {
    "joblib": "hydra_joblib_launcher",
    "ray": "hydra_ray_launcher",
    "submitit_local": "hydra_submitit_launcher",
    "submitit_slurm": "hydra_submitit_launcher",
}
CHOICE = "hydra/launcher"
LAUNCHERS = "hydra/launcher=joblib, ray, submitit_local or submitit_slurm"


def is_launched(hydras: Sequence[Override]) -> bool:
    """Return whether a launcher is chosen. BadInput if it is unknown or not installed."""
    name = values_of(hydras).get(CHOICE, "basic")
    if name == "basic":
        return False
    if name not in PLUGINS:
        raise BadInput(not_one_of("hydra/launcher", name, ("basic", *PLUGINS)))
    package = PLUGINS[name]
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{package}") is None:
        distribution = package.replace("_", "-")
        raise BadInput(f"hydra/launcher={name} needs a plugin: pip install {distribution}")
    return True


def check_launching(hydras: Sequence[Override], workers: str, launched: bool) -> None:
    """Raise BadInput for settings of Hydra, or `workers` other than 1, without a launcher, or for
    ones that Hydra refuses with it."""
    others = [word for word in hydras if word.text != "basic"]
    if launched:
        try:
            compose(hydras)
        except HydraException as error:
            unknown = re.search(r"Could not override '([^']+)'", str(error))
            line = f"{unknown[1]} is no setting of what is chosen" if unknown else say(error)
            raise BadInput(line) from error
    elif others:
        raise BadInput(
            f"{others[0].name}= does nothing without a launcher; choose one: {LAUNCHERS}"
        )
    elif workers != "1":
        raise BadInput(f"workers= does nothing without a launcher; choose one: {LAUNCHERS}")


def arguments(
    folder: Path, hydras: Sequence[Override], more: Sequence[str], workers: int
) -> list[str]:
    """Return Hydra's arguments for `workers` jobs that each resume the folder."""
    place = spelt(str(folder.absolute()))
    each = f"resume=choice({','.join([place] * workers)})"
    jobs = f"hydra.sweep.dir={spelt(str(folder.absolute() / JOBS))}"
    return ["-m", *raws(hydras), jobs, *more, each]
