"""A worker of the studio: draws the predictions of the queue, one after the other.

A prediction is a run like any other: it is planned, its folder is made, and its pictures are
claimed and drawn by batch/worker.py. Several workers share the pictures of a prediction. Models
stay loaded from one prediction to the next where both need them.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from guided.batch import queue as batch_queue
from guided.batch.asked import Words, composer_of
from guided.batch.estimate import memory_of
from guided.batch.interrupts import Interrupts
from guided.batch.passes import passes_of_steps
from guided.batch.planning import PlannedRow, original_cwd, plan_batch
from guided.batch.queue import Claim
from guided.batch.run import begin
from guided.batch.worker import WorkerSession, work_on
from guided.config.composer import Composer
from guided.config.composition import own_folders
from guided.config.messages import say
from guided.config.overrides import Override, parse
from guided.config.replay import Record
from guided.errors import BadInput
from guided.gallery import pages
from guided.models.cards import cache
from guided.models.model_cache import ModelCache
from guided.oom import free
from guided.pipeline import Pipeline
from guided.runs import files, layout
from guided.runs.manifest import FAILED as PICTURE_FAILED
from guided.runs.manifest import QUEUED, Manifest
from guided.studio import files_by_id, inputs
from guided.studio.entries import FAILED, MOST_LOGS, OPEN, SUCCEEDED, Entry, Queue, now
from guided.studio.live import Emit, Live
from guided.studio.measurements import Measurements
from guided.studio.places import plain_folder, previews_folder, without_paths
from guided.untrusted import allowed_files
from guided.untrusted.run_folder import check_folder

log = logging.getLogger(__name__)
MOST_PREVIEWS = 20  # predictions whose previews are kept
BEGIN_WAIT = 600  # seconds for another worker that begins the same prediction


class Broken(RuntimeError):
    """Nothing can be drawn in this process any more."""


@dataclass
class ToldClaim(Claim):
    """A worker's claims, of which each finished picture is told."""

    told: Callable[[int], None] = lambda number: None

    def finish(
        self,
        number: int,
        file: str | None,
        score: float | None,
        seconds: float | None,
        keep: int | None = None,
        why: str | None = None,
    ) -> None:
        """Mark a picture as done, and tell of it."""
        super().finish(number, file, score, seconds, keep, why)
        self.told(number)


@dataclass
class LiveSession(WorkerSession):
    """The state of a worker at one prediction, with an output that tells of it."""

    live: Live = field(kw_only=True)

    def open(self, row: int) -> tuple[PlannedRow, Pipeline]:
        """Return the plan of a row, with the output added to it, and its loaded models."""
        planned, pipeline = super().open(row)
        if "studio" in planned.plan.outputs:
            return planned, pipeline
        self.live.passes = passes_of_steps(planned.plan)
        outputs = {**planned.plan.outputs, "studio": self.live}
        self.planned = replace(planned, plan=replace(planned.plan, outputs=outputs))
        return self.planned, pipeline


@dataclass
class Drawer:
    """A worker of the queue."""

    root: Path  # the folder of all runs
    emit: Emit
    base: list[Override] = field(default_factory=list)  # settings of this machine
    flags: list[str] = field(default_factory=list)
    device: str | None = None  # of one of several workers; None: as the settings say
    loaded: ModelCache = field(default_factory=ModelCache)
    stopping: bool = False  # the process is to end
    at: str | None = None  # the prediction at hand, for its log

    def __post_init__(self) -> None:
        self.queue = Queue(self.root)

    def draw_next(self) -> bool:
        """Draw what is left of the first prediction for which there is something to do. Return
        False if there is none."""
        if self.queue.paused:
            return False
        return any(self.draw(entry) for entry in self.queue.open())

    def draw(self, entry: Entry) -> bool:
        """Draw what is left of a prediction. Return False if other workers have all of it.
        KeyboardInterrupt if the process is to end."""
        if not self.queue.goes_on(entry.id):
            return False
        self.at = entry.id
        self.emit("worker", state="drawing", prediction=entry.id)
        try:
            return self.drawn(entry)
        except KeyboardInterrupt:
            if self.stopping or self.queue.goes_on(entry.id):
                raise
            return True  # canceled or paused
        except (Broken, MemoryError):
            raise
        except Exception as error:
            self.give_up(entry, error)
            return True
        finally:
            self.at = None
            self.emit("state", prediction=entry.id)

    def give_up(self, entry: Entry, error: Exception) -> None:
        """End a prediction that cannot be drawn; pause the queue if nothing can be saved."""
        if isinstance(error, OSError) and files.is_unwritable(error, self.root):
            log.warning("nothing can be saved, and the queue is paused: %s", say(error))
            self.queue.pause(True)
            return
        log.debug("prediction %s", entry.id, exc_info=error)
        self.end(entry, FAILED, say(error))

    def drawn(self, entry: Entry) -> bool:
        """Draw as `draw`, and raise what goes wrong."""
        with self.session(entry) as session:
            before = states(session.folder)
            self.work(entry, session)
            after = Manifest.read(session.folder)
            if not any(picture.open for picture in after.pictures):
                self.conclude(entry, after)
            self.measure(session)
        changed = before != states(session.folder)
        if after.count(QUEUED) and not changed and self.queue.goes_on(entry.id):
            raise Broken(f"{after.count(QUEUED)} pictures of {entry.id} are not begun")
        return changed or not any(picture.open for picture in after.pictures)

    @contextmanager
    def session(self, entry: Entry) -> Iterator[LiveSession]:
        """Yield the state of this worker at a prediction, whose run is begun if it is not."""
        with ExitStack() as stack:
            with files.lock(self.queue.folder / f".{entry.id}.lock", BEGIN_WAIT):
                entry = self.queue.read(entry.id)
                start = self.begun if entry.folder is None else self.resumed
                session = start(entry, stack)
            stack.enter_context(original_cwd(session.batch.base.get("cwd")))
            yield session

    def begun(self, entry: Entry, stack: ExitStack) -> LiveSession:
        """Plan a prediction and make the folder of its run. `stack` limits the files that may be
        opened."""
        read = inputs.read(entry.input, self.finder(entry), self.flags)
        recorded = Record.read(str(read.recorded)) if read.recorded else None
        words = Words.of([*self.base, *read.words])
        stack.enter_context(words.limited(self.flags, recorded))
        request = words.rows(self.flags, recorded)
        batch = plan_batch(request.composer, request.rows, request.title)
        folder = begin(batch, request.composer, request.root)

        def note(changed: Entry) -> None:
            changed.folder = folder.relative_to(self.root).as_posix()
            changed.started = now()

        self.queue.change(entry.id, note)
        self.emit("state", prediction=entry.id)
        session = self.session_of(entry, folder, request.composer)
        session.row, session.planned = batch.first_row, batch.first
        return session

    def resumed(self, entry: Entry, stack: ExitStack) -> LiveSession:
        """Return the session of a prediction whose run was begun before."""
        folder = plain_folder(self.root, entry.folder)
        if folder is None:
            raise BadInput("the folder of its run leads elsewhere over a link")
        check_folder(folder, layout.JOBS)
        if entry.retry:
            batch_queue.retry(folder)
            self.queue.change(entry.id, lambda changed: setattr(changed, "retry", False))
        stack.enter_context(allowed_files.limited(f"resume={folder}", {}, own_folders(self.flags)))
        composer = composer_of(Manifest.read(folder).base, str(folder / layout.MANIFEST))
        return self.session_of(entry, folder, composer)

    def session_of(self, entry: Entry, folder: Path, composer: Composer) -> LiveSession:
        more = [] if self.device is None else [parse(f"device={self.device}")]
        live = self.live(entry)
        return LiveSession(folder, composer, more, loaded=self.loaded, alone=False, live=live)

    def finder(self, entry: Entry) -> Callable[[str], Path]:
        """Return the function that finds the files of an entry's pictures."""
        known = {name: (run, number) for name, (run, number) in entry.pictures.items()}
        return lambda value: files_by_id.find(self.root, value, known)

    def live(self, entry: Entry) -> Live:
        """Return the output that tells of a prediction."""
        folder = previews_folder(self.root, entry.id)
        folder.parent.mkdir(parents=True, exist_ok=True)
        forget_previews(folder.parent, entry.id)
        return Live(
            entry.id,
            folder,
            self.emit,
            goes_on=lambda: self.queue.goes_on(entry.id),
            views_wanted=lambda: self.queue.take_views(entry.id),
        )

    def work(self, entry: Entry, session: LiveSession) -> None:
        """Draw until no picture is left for this worker, or it is stopped."""
        folder = session.folder
        try:
            with Interrupts.watched() as interrupts, ToldClaim.at(folder) as claim:
                assert isinstance(claim, ToldClaim)
                session.live.stop = lambda: setattr(interrupts, "requested", True)
                claim.told = lambda number: self.emit(
                    "picture", prediction=entry.id, number=number
                )
                work_on(session, claim, interrupts, False)
        finally:
            if folder.is_dir():
                pages.update(folder, now=True)

    def measure(self, session: LiveSession) -> None:
        """Keep the time of a pass, and once the memory that the plan of a step counts."""
        planned, pipeline, seconds = (
            session.planned,
            session.pipeline,
            session.live.seconds_of_pass,
        )
        if planned is None or pipeline is None or seconds is None:
            return
        plan = replace(planned.plan, outputs={})
        known = Measurements.read(self.root)
        memory = None
        if not known.has_memory(plan, self.place):
            with suppress(Exception):  # an estimate must not fail what was drawn
                memory = memory_of(plan, pipeline)
        known.add(plan, self.place, seconds, memory)

    @property
    def place(self) -> str:
        """The device of this worker, as measurements name it."""
        return self.device or "auto"

    def conclude(self, entry: Entry, manifest: Manifest) -> None:
        """Note how a prediction ended whose pictures are all done or failed."""
        failed = [one for one in manifest.pictures if one.state == PICTURE_FAILED]
        whys = list(dict.fromkeys(one.why or "" for one in failed))
        some = f"{len(failed)} of {len(manifest.pictures)} pictures failed: " if failed else ""
        self.end(entry, FAILED if failed else SUCCEEDED, f"{some}{'; '.join(whys)}" or None)

    def end(self, entry: Entry, state: str, error: str | None) -> None:
        """Note how a prediction ended, unless it has been canceled meanwhile."""
        told = error and self.without_paths(error)

        def end(changed: Entry) -> None:
            if changed.state == OPEN:
                changed.end(state, told)

        with suppress(KeyError):
            self.queue.change(entry.id, end)

    def without_paths(self, text: str) -> str:
        """Return a text for the web, without the folders of runs and of weights."""
        return without_paths(text, {str(self.root): self.root.name, str(cache()): "the cache"})

    def note(self, text: str) -> None:
        """Add a line to the log of the prediction at hand."""
        if (name := self.at) is None:
            return
        text = self.without_paths(text)
        with suppress(KeyError, OSError):
            if len(self.queue.read(name).logs) < MOST_LOGS:
                self.queue.change(name, lambda changed: changed.logs.append(text))
        self.emit("log", prediction=name, text=text)

    def rest(self) -> None:
        """Free the memory of all models."""
        self.loaded.clear()
        free()


def states(folder: Path) -> list[str]:
    """Return the states of a run's pictures."""
    return [picture.state for picture in Manifest.read(folder).pictures]


def forget_previews(folder: Path, keep: str) -> None:
    """Remove the previews of all predictions but the newest."""
    found = [path for path in folder.iterdir() if path.is_dir() and path.name != keep]
    found.sort(key=lambda path: path.stat().st_mtime)
    for path in found[: max(len(found) + 1 - MOST_PREVIEWS, 0)]:
        shutil.rmtree(path, ignore_errors=True)


def wait(queue: Queue, seconds: float, poll: float = 0.1) -> bool:
    """Wait until the queue's folder changes. Return False if it does not for `seconds`."""
    before, end = queue.stamp(), time.monotonic() + seconds
    while time.monotonic() < end:
        if queue.stamp() != before:
            return True
        time.sleep(poll)
    return False
