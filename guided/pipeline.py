"""The recipe: from a configuration to pictures.

Everything is checked first (plan.py); then models are loaded (studio.py), and frames flow from
the generator to the outputs.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from guided import __version__, record
from guided.errors import BadInput
from guided.plan import Plan
from guided.ranking import Best
from guided.studio import Studio
from guided.types import Frame, Run

log = logging.getLogger(__name__)


def draw(cfg: DictConfig, words: Sequence[str] = ()) -> Path:
    """Draw all pictures of a run; the folder that they are in. `words` are what was typed."""
    plan = Plan.read(cfg)
    make_root(plan.folder)
    studio = Studio.open(plan)
    run = begin(plan, studio, cfg, words)
    tell(f"drawing in {run.folder}")
    with said_where(run.folder), ExitStack() as stack:
        viewers = [stack.enter_context(output.open(run)) for output in plan.outputs.values()]
        best = Best(plan.keep or plan.count)
        for frame in studio.frames(plan):
            refuse_broken(frame)
            for viewer in viewers:
                viewer.see(frame)
            path = run.folder / f"image_{frame.index:04d}{plan.suffix}"
            if frame.last and path.exists():
                best.add(path, frame.score)
    for path, found in best.ranked() if plan.keep else sorted(best.scores.items()):
        tell(f"{path}  {found:.3f}" if plan.keep else str(path))
    return run.folder


@contextmanager
def said_where(folder: Path) -> Iterator[None]:
    """Ctrl-C leaves what is there, and says where."""
    try:
        yield
    except KeyboardInterrupt:
        log.warning("interrupted; what there is by now is in %s", folder)
        raise


def tell(text: str) -> None:
    """Print, also where the reader has left (`| head -1`): the run goes on."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 (until the end)


def refuse_broken(frame: Frame) -> None:
    """A black picture must not look like a finished one."""
    if frame.last and not frame.image.isfinite().all():
        raise ArithmeticError(
            f"image {frame.index} came out with values that are not numbers; "
            "try precision=float32, or a smaller guide.clip.scale"
        )


def begin(plan: Plan, studio: Studio, cfg: DictConfig, words: Sequence[str] = ()) -> Run:
    """The run's folder with run.yaml in it, before the first step."""
    settings = OmegaConf.to_container(cfg, resolve=True)
    settings |= {
        "seed": plan.seed,
        "size": list(plan.size),
        "steps": plan.steps,
        "device": studio.device,
        "precision": studio.precision,
        "version": __version__,
        "words": list(words),
    }
    for setting in ("debug", "folder", "models", "cache", "name"):
        settings.pop(setting, None)
    root = plan.folder
    folder = record.new_folder(root, plan.name or plan.prompts[0].text, datetime.now())
    record.write(folder / "run.yaml", record.as_yaml(settings).encode())
    record.point_latest(folder, root)
    return Run(
        folder,
        settings,
        plan.prompts,
        plan.count,
        plan.steps - plan.skip,
        studio.enlarger,
        studio.look(plan),
    )


def make_root(folder: Path) -> None:
    """The folder of all runs; BadInput when it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"folder={folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"folder={folder} cannot be written to")
