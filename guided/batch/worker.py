"""A worker of a batch: claims the next pictures, draws them and marks them, until none is left.

A new batch and a resumed one are drawn in the same way, by one worker or several. A picture that
fails does not stop the others.
"""

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.batch import film_frames
from guided.batch.interrupts import Interrupts
from guided.batch.passes import shares
from guided.batch.planning import PlannedRow, drawable, original_cwd, warn_if_changed
from guided.batch.queue import Claim, check_exists
from guided.batch.throughput import Throughput
from guided.canvas.seamless import enlarging
from guided.config import understanding
from guided.config.composer import Composer
from guided.config.messages import say
from guided.config.overrides import Override, values_of
from guided.config.plan import Plan
from guided.config.values import trusted_row
from guided.console import tell
from guided.devices import check_threads, find_device
from guided.gallery import pages
from guided.interfaces import Frame, Run
from guided.models.model_cache import ModelCache
from guided.oom import free, out_of_memory
from guided.outputs.still import Still
from guided.outputs.video import damaged_frame, remove_frames
from guided.pipeline import Pipeline
from guided.runs import files, layout, record
from guided.runs.checkpoint import CheckpointWriter
from guided.runs.manifest import RUNNING, Manifest, Picture

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)


def work(session: WorkerSession, debug: bool = False) -> None:
    """Draw the pictures that are left in the folder. KeyboardInterrupt if it was stopped; the
    pictures at hand are queued again."""
    if device := values_of(session.more).get("device"):
        find_device(device)  # a worker without a device would fail at every picture
    writable = True
    try:
        with (
            original_cwd(session.batch.base.get("cwd")),
            Interrupts.watched() as interrupts,
            Claim.at(session.folder) as claim,
        ):
            work_on(session, claim, interrupts, debug)
    except OSError as error:
        writable = not files.is_unwritable(error, session.folder)
        raise
    finally:
        if writable and session.folder.is_dir():  # it may have been removed
            pages.update(session.folder, now=True)


def work_on(session: WorkerSession, claim: Claim, interrupts: Interrupts, debug: bool) -> None:
    session.count(claim)
    session.write_missing_films()
    while group := claim.next_group():
        mine = [p.number for p in group if p.state == RUNNING and p.worker == claim.name]
        try:
            session.draw(group, mine, claim, interrupts)
        except Exception as error:
            if debug:
                traceback.print_exception(error)
            check_exists(session.folder)
            if files.is_unwritable(error, session.folder):
                raise  # no other picture could be saved either
            why = say(error)
            log.warning("picture %s failed: %s", ", ".join(map(str, mine)), why)
            claim.fail(mine, why)
            session.recover(error)
            if "CUDA error" in why and not out_of_memory(error):
                break  # nothing works any more in this process
        session.count(claim)


@dataclass
class WorkerSession:
    """The state of one worker: the row at hand, and the models in memory."""

    folder: Path
    composer: Composer
    more: list[Override] = field(default_factory=list)  # for every row, as device=cuda:1
    row: int | None = None
    planned: PlannedRow | None = None  # the plan of the row at hand
    cores: int | None = None  # CPU threads that the batch began with; None: this machine's
    pipeline: Pipeline | None = None
    loaded: ModelCache = field(default_factory=ModelCache)
    throughput: Throughput = field(default_factory=Throughput)
    alone: bool = True  # False for one of several, whose progress the parent process shows

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()  # the current folder changes while it draws

    @cached_property
    def batch(self) -> Manifest:
        """The manifest as it was at first, whose rows and base never change."""
        return Manifest.read(self.folder)

    def count(self, claim: Claim) -> None:
        """Update the throughput, and print it now and then if there is no terminal."""
        check_exists(self.folder)
        self.throughput.count(claim.manifest)
        if self.alone and not sys.stderr.isatty() and (line := self.throughput.line()):
            tell(line)

    def draw(
        self, group: list[Picture], mine: list[int], claim: Claim, interrupts: Interrupts
    ) -> None:
        """Draw the pictures of a group, and save those with numbers in `mine`. KeyboardInterrupt
        after the step at which a stop was requested."""
        planned, pipeline = self.open(group[0].row)
        plan, mine = planned.plan, self.unsaved(mine, claim, planned.plan.keep)
        row = replace(planned, settings=planned.settings | pipeline.resolved)
        if plan.film is None:
            if mine:
                self.draw_together(row, group, mine, claim, interrupts)
            return
        film = film_frames.with_networks(plan.film.seeded(group[0].seed), pipeline.device)
        plan = replace(plan, film=film)
        for picture in film_frames.in_order(film, group):
            if picture.number not in mine or picture.frame is None:
                continue
            own = [picture.number]
            if film.neighbours(picture.frame):
                film_frames.write_between(plan, row.settings, self.folder, picture)
                self.unsaved(own, claim, None)
            else:
                frame = film_frames.frame_of(plan, row.settings, self.folder, picture)
                seeded = replace(picture, seed=frame.seed)
                self.pipeline = pipeline
                if (frame.plan.sampler, frame.plan.generator) != (plan.sampler, plan.generator):
                    self.pipeline = pipeline.drawing_as(frame.plan)
                row_of_frame = replace(row, plan=frame.plan, settings=frame.settings)
                self.draw_together(row_of_frame, [seeded], own, claim, interrupts)
                self.pipeline = pipeline
        self.write_film(plan, group, pipeline)

    def write_film(self, plan: Plan, group: list[Picture], pipeline: Pipeline) -> None:
        """Write the files of a film that are missing, enlarged as finished pictures are."""
        enlarge = enlarging(pipeline.enlarger, plan.rings)

        def enlarged(image: Tensor, times: int) -> Tensor:
            return enlarge(image.to(pipeline.device), times)

        assert plan.film is not None
        film = plan.film.seeded(group[0].seed)  # a plan that is read anew may have another seed
        plan = replace(plan, film=film_frames.with_networks(film, pipeline.device))
        film_frames.write_film(plan, self.folder, group, enlarged)

    def write_missing_films(self) -> None:
        """Write the films whose frames are all there and whose files are not, because the worker
        was stopped in between."""
        for group in film_frames.complete(self.folder):
            try:
                plan = self.read(group[0].row).plan
                if film_frames.missing(plan, self.folder, group):
                    self.write_film(plan, group, self.open(group[0].row)[1])
            except Exception as error:
                log.warning("film %d is not written: %s", group[0].number, say(error))
                self.recover(error)

    def draw_together(
        self,
        row: PlannedRow,
        group: list[Picture],
        mine: list[int],
        claim: Claim,
        interrupts: Interrupts,
    ) -> None:
        """Draw pictures of a row together, and save those with numbers in `mine`."""
        plan, pipeline = row.plan, self.pipeline
        assert pipeline is not None
        run = Run(
            folder=self.folder,
            settings=row.settings,
            prompts=plan.prompts,
            count=len(group),
            steps=plan.steps - plan.skip,
            enlarge=enlarging(pipeline.enlarger, plan.rings),
            look=pipeline.look(plan),
            compare=pipeline.compare(plan),
            overall=self.throughput,
            shares=shares(plan),
            upscale=plan.upscale or 1,
            seed=plan.film.timing.seed if plan.film else None,
        )
        outputs = [o for name, o in plan.outputs.items() if self.alone or name != "progress"]
        # The picture itself last: if it exists, all its other files do.
        outputs.sort(key=lambda output: isinstance(output, Still))
        first, seeds = group[0].number, [picture.seed for picture in group]
        seconds = dict.fromkeys(mine, 0.0)
        checkpoint = self.checkpoint(plan, pipeline, first, seeds, mine)
        with ExitStack() as stack:
            viewers = [stack.enter_context(output.open(run)) for output in outputs]
            stack.enter_context(interrupts.between_steps())
            for k, frame in enumerate(pipeline.batch(plan, first, seeds, checkpoint.load())):
                if k == 0:
                    before = [0.0, *run.shares][frame.step - 1]
                    self.throughput.begin(frame.seconds, len(group) * before)
                if frame.index in seconds:
                    seconds[frame.index] += frame.seconds
                    check_finite(frame)
                    for viewer in viewers:
                        viewer.see(frame)
                    if frame.last:
                        file = layout.find_image(self.folder, frame.index)
                        spent = seconds[frame.index]
                        why = doubt_told(file or f"picture {frame.index}", frame.doubt)
                        claim.finish(frame.index, file, frame.score, spent, plan.keep, why)
                    pages.update(self.folder, step=frame.seconds)
                checkpoint.update(frame.state)
                if interrupts.requested and frame.state is not None:
                    checkpoint.write(frame.state)
                    raise KeyboardInterrupt
        checkpoint.remove()
        if interrupts.requested:
            raise KeyboardInterrupt

    def checkpoint(
        self, plan: Plan, pipeline: Pipeline, first: int, seeds: list[int], mine: list[int]
    ) -> CheckpointWriter:
        """Return the checkpoint of a group; removed, and the frames of films with it, if one of
        the frames is damaged."""
        checkpoint = CheckpointWriter(
            layout.checkpoint_path(self.folder, first),
            lambda: pipeline.fingerprint(plan, seeds),
            plan.checkpoint,
        )
        if bad := damaged_frame(self.folder, mine):
            log.warning("%s is damaged; that picture is begun anew", bad)
            checkpoint.remove()
            remove_frames(self.folder, mine)
        return checkpoint

    def open(self, row: int) -> tuple[PlannedRow, Pipeline]:
        """Return the plan of a row and its loaded models. Both are reused if the previous row was
        the same, and single models if it had them too."""
        planned = self.read(row)
        if self.pipeline is None:
            self.pipeline = Pipeline.open(planned.plan, self.loaded, self.cores)
            if self.alone and self.pipeline.memory_report:
                tell(self.pipeline.memory_report)
        return planned, self.pipeline

    def read(self, row: int) -> PlannedRow:
        """Return the plan of a row, which is reused if the previous row was the same."""
        if row != self.row:
            self.row = self.pipeline = None
            entry, base = trusted_row(self.batch.rows[row]), self.batch.base
            self.planned = drawable(self.composer, entry, self.more)
            warn_if_changed(base, row, entry, self.planned.fingerprint)
            cores = base.get("cores")
            self.cores = None if cores is None else check_threads(cores)
            self.row = row
        assert self.planned is not None
        return self.planned

    def unsaved(self, mine: list[int], claim: Claim, keep: int | None) -> list[int]:
        """Return the numbers without a saved picture. A worker that was killed between saving a
        picture, the last of its files, and marking it as done left only the mark to do."""
        saved = {n: file for n in mine if (file := layout.find_image(self.folder, n))}
        for number, file in saved.items():
            facts = record.read(self.folder / file)
            why = doubt_told(file, facts.get("doubt"))
            claim.finish(number, file, facts.get("score"), None, keep, why)
        return [number for number in mine if number not in saved]

    def recover(self, error: Exception) -> None:
        """Discard the pipeline, whose state is unknown after an error; after running out of
        memory, discard the models too."""
        self.row = self.pipeline = None
        if out_of_memory(error):
            error.__traceback__ = None  # its frames hold the tensors
            self.loaded.clear()
        free()


def doubt_told(name: str, thing: Any) -> str | None:
    """Return the line about a picture, which is told by its name, that may be a smear and not a
    thing; None without one."""
    why = understanding.doubt(thing)
    if why:
        log.warning("%s: %s", name, why)
    return why


def check_finite(frame: Frame) -> None:
    """Raise ArithmeticError if a finished picture has NaN or infinite values, which would be saved
    as black."""
    if frame.last and not frame.image.isfinite().all():
        raise ArithmeticError(
            f"image {frame.index} came out with values that are not numbers; "
            "try precision=float32, or a smaller guide.clip.scale"
        )
