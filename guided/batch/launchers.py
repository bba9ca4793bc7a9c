"""Workers on one folder through Hydra's launchers: joblib, submitit (local and Slurm), ray.

    python run.py prompts=prompts.txt hydra/launcher=submitit_slurm workers=8

Each job of the launcher is a worker that takes what is next, not a part that was cut for it, so
that a lost one's pictures are drawn by the others, or by resume=.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from guided.config.overrides import Override, raws, values_of
from guided.config.values import spelt
from guided.errors import BadInput, not_one_of

Launch = Callable[[list[str]], None]  # runs Hydra with these arguments
# The package behind each launcher, and the extra that installs it.
PLUGINS = {
    "joblib": ("hydra_joblib_launcher", "joblib"),
    "ray": ("hydra_ray_launcher", "ray"),
    "submitit_local": ("hydra_submitit_launcher", "submitit"),
    "submitit_slurm": ("hydra_submitit_launcher", "submitit"),
}
CHOICE = "hydra/launcher"
JOBS = "jobs"  # the folder of what launchers write


def apart(words: Sequence[Override]) -> tuple[list[Override], list[Override]]:
    """Return Hydra's own settings, and the others."""
    hydras = [word for word in words if word.is_hydras]
    return hydras, [word for word in words if not word.is_hydras]


def wanted(hydras: Sequence[Override]) -> bool:
    """Return whether a launcher is chosen. Raises BadInput when there is none of that name, or it
    is not installed."""
    name = values_of(hydras).get(CHOICE, "basic")
    if name == "basic":
        return False
    if name not in PLUGINS:
        raise BadInput(not_one_of("hydra/launcher", name, ("basic", *PLUGINS)))
    package, extra = PLUGINS[name]
    if find_spec("hydra_plugins") is None or find_spec(f"hydra_plugins.{package}") is None:
        raise BadInput(f'hydra/launcher={name} needs a plugin: pip install "guided[{extra}]"')
    return True


def arguments(
    folder: Path, hydras: Sequence[Override], more: Sequence[str], workers: int
) -> list[str]:
    """For Hydra: as many jobs as workers, each of which goes on with the folder."""
    place = spelt(str(folder.absolute()))
    each = f"resume=choice({','.join([place] * workers)})"
    jobs = f"hydra.sweep.dir={spelt(str(folder.absolute() / JOBS))}"
    return ["-m", *raws(hydras), jobs, *more, each]
