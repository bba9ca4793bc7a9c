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

from guided.config.values import spelt
from guided.errors import BadInput, not_one_of
from guided.runs.layout import JOBS

Launch = Callable[[list[str]], None]  # runs Hydra with these arguments
# The package behind each launcher, and the extra that installs it.
PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "joblib"),
    "ray": ("hydra_ray_launcher", "ray"),
    "submitit_local": ("hydra_submitit_launcher", "submitit"),
    "submitit_slurm": ("hydra_submitit_launcher", "submitit"),
}
HYDRA = re.compile(r"\+*hydra[./]")
CHOICE = "hydra/launcher="


def apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the words that set Hydra's own settings, and the others."""
    hydras = [word for word in words if HYDRA.match(word)]
    return hydras, [word for word in words if not HYDRA.match(word)]


def is_launched(hydras: Sequence[str]) -> bool:
    """Return whether a launcher is chosen. BadInput if it is unknown or not installed."""
    names = [word.removeprefix(CHOICE) for word in hydras if word.startswith(CHOICE)]
    if not names or names[-1] == "basic":
        return False
    name = names[-1]
    if name not in PLUGINS:
        raise BadInput(not_one_of("hydra/launcher", name, ("basic", *PLUGINS)))
    package, extra = PLUGINS[name]
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{package}") is None:
        raise BadInput(f'hydra/launcher={name} needs a plugin: pip install "guided[{extra}]"')
    return True


def arguments(folder: Path, hydras: Sequence[str], more: Sequence[str], workers: int) -> list[str]:
    """Return Hydra's arguments for `workers` jobs that each resume the folder."""
    place = spelt(str(folder.absolute()))
    each = f"resume=choice({','.join([place] * workers)})"
    jobs = f"hydra.sweep.dir={spelt(str(folder.absolute() / JOBS))}"
    return ["-m", *hydras, jobs, *more, each]
