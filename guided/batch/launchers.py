"""Workers on one folder through Hydra's launchers: joblib, submitit (local and Slurm), ray.

    python run.py prompts=prompts.txt hydra/launcher=submitit_slurm workers=8

Each job of the launcher is a worker that takes what is next, not a part that was cut for it, so
that a lost one's pictures are drawn by the others, or by resume=.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from guided.config.values import spelt
from guided.errors import BadInput, not_one_of

Launch = Callable[[list[str]], None]  # runs Hydra with these arguments
# The package behind each launcher, and the extra that installs it.
PLUGINS = {
    "joblib": "hydra_joblib_launcher",
    "ray": "hydra_ray_launcher",
    "submitit_local": "hydra_submitit_launcher",
    "submitit_slurm": "hydra_submitit_launcher",
}
HYDRAS = re.compile(r"\+*hydra[./]")
CHOICE = "hydra/launcher="
JOBS = "jobs"  # the folder of what launchers write


def apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's own settings, and the others."""
    hydras = [word for word in words if HYDRAS.match(word)]
    return hydras, [word for word in words if not HYDRAS.match(word)]


def wanted(hydras: Sequence[str]) -> bool:
    """Is a launcher chosen? BadInput when it is none, or not installed."""
    names = [word.removeprefix(CHOICE) for word in hydras if word.startswith(CHOICE)]
    if not names or names[-1] == "basic":
        return False
    name = names[-1]
    if name not in PLUGINS:
        raise BadInput(not_one_of("hydra/launcher", name, ("basic", *PLUGINS)))
    package = PLUGINS[name]
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{package}") is None:
        distribution = package.replace("_", "-")
        raise BadInput(f"hydra/launcher={name} needs a plugin: pip install {distribution}")
    return True


def arguments(folder: Path, hydras: Sequence[str], more: Sequence[str], workers: int) -> list[str]:
    """For Hydra: as many jobs as workers, each of which goes on with the folder."""
    place = spelt(str(folder.absolute()))
    each = f"resume=choice({','.join([place] * workers)})"
    jobs = f"hydra.sweep.dir={spelt(str(folder.absolute() / JOBS))}"
    return ["-m", *hydras, jobs, *more, each]
