"""Working on a folder: claim what is next, draw it, mark it, until nothing is left.

A first run is "make the folder, then work on it", and resuming is working on it again; several
processes may do it at once. A picture that fails leaves the others to go on.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from guided.batch.interrupts import Interrupts
from guided.batch.planning import PlannedRow, drawable, tell_if_changed, where_asked
from guided.batch.queue import WORK, Claim, check_there
from guided.batch.throughput import Throughput
from guided.config.composition import Composer
from guided.config.messages import say
from guided.config.overrides import Override, parse_all, raws, values_of
from guided.config.values import trusted_words
from guided.console import tell
from guided.devices import find_device
from guided.gallery import pages
from guided.interfaces import Frame, Run
from guided.models.model_cache import ModelCache
from guided.oom import free, out_of_memory
from guided.outputs.still import Still
from guided.outputs.video import damaged_frame, remove_frames
from guided.pipeline import Pipeline
from guided.runs import record
from guided.runs.checkpoint import CheckpointWriter
from guided.runs.manifest import RUNNING, Manifest, Picture
from guided.runs.metadata import SUFFIXES

log = logging.getLogger(__name__)


def work(session: WorkerSession, debug: bool = False) -> None:
    """Draw what is left in the folder.

    KeyboardInterrupt when it was stopped: what was begun is queued again."""
    if device := values_of(session.more).get("device"):
        find_device(device)  # a worker without a device would fail at every picture
    try:
        with (
            where_asked(Manifest.read(session.folder).base),
            Interrupts.watched() as stopping,
            Claim.at(session.folder) as worker,
        ):
            work_on(session, worker, stopping, debug)
    finally:
        if session.folder.is_dir():  # it may have been removed
            pages.update(session.folder, now=True)


def work_on(session: WorkerSession, worker: Claim, stopping: Interrupts, debug: bool) -> None:
    session.count()
    while claimed := worker.claim():
        mine = [p.number for p in claimed if p.state == RUNNING and p.worker == worker.name]
        try:
            session.draw(claimed, mine, worker, stopping)
        except Exception as error:
            if debug:
                traceback.print_exception(error)
            check_there(session.folder)
            if record.disk_is_full(error):
                raise  # no other picture could be kept either
            why = say(error)
            log.warning("picture %s failed: %s", ", ".join(map(str, mine)), why)
            worker.fail(mine, why)
            session.recover(error)
            if "CUDA error" in why and not out_of_memory(error):
                break  # nothing works any more in this process
        session.count()


@dataclass
class WorkerSession:
    """Where one worker draws: the row at hand, and the models in memory."""

    folder: Path
    composer: Composer
    more: list[Override] = field(default_factory=list)  # for every row, as device=cuda:1
    row: int | None = None
    found: PlannedRow | None = None  # the row at hand, planned
    pipeline: Pipeline | None = None
    loaded: ModelCache = field(default_factory=ModelCache)
    tally: Throughput = field(default_factory=Throughput)
    alone: bool = True  # and not one of several, whose progress others show

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()  # relative paths are from where it was asked for

    def count(self) -> None:
        check_there(self.folder)
        self.tally.count(Manifest.read(self.folder))
        if self.alone and not sys.stderr.isatty() and (line := self.tally.line()):
            tell(line)

    def draw(
        self, pictures: list[Picture], mine: list[int], worker: Claim, stopping: Interrupts
    ) -> None:
        """The pictures of a group; only those of `mine` are kept."""
        self.open(pictures[0].row)
        plan, pipeline, mine = self.found.plan, self.pipeline, self.not_there(mine, worker)
        if not mine:
            return
        run = Run(
            self.folder,
            self.found.settings | {"device": pipeline.device, "precision": pipeline.precision},
            plan.prompts,
            len(pictures),
            plan.steps - plan.skip,
            pipeline.enlarger,
            pipeline.look(plan),
            self.tally,
        )
        outputs = [o for name, o in plan.outputs.items() if self.alone or name != "progress"]
        # The picture itself is written last: where it is, all else about it is.
        outputs.sort(key=lambda output: isinstance(output, Still))
        first, seeds = pictures[0].number, [picture.seed for picture in pictures]
        spent = dict.fromkeys(mine, 0.0)
        bookmark = CheckpointWriter(
            self.folder / WORK / f"{first:04d}.safetensors",
            lambda: pipeline.fingerprint(plan, seeds),
            plan.checkpoint,
        )
        if bad := damaged_frame(self.folder, mine):
            log.warning("%s is damaged; that picture is begun anew", bad)
            bookmark.remove()
            remove_frames(self.folder, mine)
        with ExitStack() as stack:
            viewers = [stack.enter_context(output.open(run)) for output in outputs]
            stack.enter_context(stopping.between_steps())
            for frame in pipeline.batch(plan, first, seeds, bookmark.found()):
                if frame.index in spent:
                    spent[frame.index] += frame.seconds
                    refuse_broken(frame)
                    for viewer in viewers:
                        viewer.see(frame)
                    if frame.last:
                        self.mark(worker, frame.index, frame.score, spent[frame.index])
                    pages.update(self.folder)
                bookmark.see(frame.state)
                if stopping.asked and frame.state is not None:
                    bookmark.keep(frame.state)
                    raise KeyboardInterrupt
        bookmark.remove()
        if stopping.asked:
            raise KeyboardInterrupt

    def open(self, row: int) -> None:
        """What the row needs: nothing, if it is the row before; else its plan, and of its models
        those that the row before had not."""
        if row != self.row:
            self.row = self.pipeline = None
            manifest = Manifest.read(self.folder)
            asked = manifest.rows[row]
            asked = replace(asked, words=raws(trusted_words(parse_all(asked.words))))
            self.found = drawable(self.composer, asked, self.more)
            tell_if_changed(manifest.base, row, asked, self.found.fingerprint)
            self.row = row
        if self.pipeline is None:
            self.pipeline = Pipeline.open(self.found.plan, self.loaded)
            if self.alone and self.pipeline.said:
                tell(self.pipeline.said)

    def mark(self, worker: Claim, number: int, score: float | None, seconds: float | None) -> None:
        worker.finish(number, self.file_of(number), score, seconds, self.found.plan.keep)

    def not_there(self, mine: list[int], worker: Claim) -> list[int]:
        """Those that have no picture yet. Whoever was stopped between a picture, which is the
        last that is written of it, and its mark, left nothing to do but the mark."""
        there = {number: file for number in mine if (file := self.file_of(number))}
        for number, file in there.items():
            self.mark(worker, number, record.read(self.folder / file).get("score"), None)
        return [number for number in mine if number not in there]

    def file_of(self, number: int) -> str | None:
        names = (f"image_{number:04d}{suffix}" for suffix in SUFFIXES.values())
        return next((name for name in names if (self.folder / name).exists()), None)

    def recover(self, error: Exception) -> None:
        """What is in memory may be half of something; and where memory ran out, all of it goes."""
        self.row = self.pipeline = None
        if out_of_memory(error):
            error.__traceback__ = None  # its frames hold the tensors
            self.loaded.clear()
        free()


def refuse_broken(frame: Frame) -> None:
    """A black picture must not look like a finished one."""
    if frame.last and not frame.image.isfinite().all():
        raise ArithmeticError(
            f"image {frame.index} came out with values that are not numbers; "
            "try precision=float32, or a smaller guide.clip.scale"
        )
