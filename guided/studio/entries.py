"""The queue: one file for each prediction, in the order in which they are drawn.

A file says what is asked for and how it ended. What is drawn of it is in the manifest of its run,
which is the truth; files change only under the queue's lock, and are written whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guided.errors import Failed
from guided.runs import files
from guided.studio import json_files
from guided.studio.places import ID, is_inside, queue_folder

OPEN, SUCCEEDED, FAILED, CANCELED = STATES = ("open", "succeeded", "failed", "canceled")
MOST_OPEN = 200
MOST_KEPT = 2000  # predictions that ended; their pictures stay
MOST_LOGS = 50  # lines
SETTLED = 2 * 10**9  # nanoseconds, to which the coarsest file systems round times
WAIT = 30  # seconds for the lock, which is held for milliseconds
PAUSED = "paused"  # a file that is there while nothing is to be drawn
VIEWS = ".views"  # suffix of a file that asks for the views of the next step


class Full(Failed):
    """The queue has as many open predictions as it takes."""


class Conflict(Failed):
    """A prediction is not in a state in which this can be done."""


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass
class Entry:
    """A prediction."""

    id: str
    input: dict[str, Any]
    order: float = 0.0
    words: list[str] = field(default_factory=list)
    count: int = 1
    size: list[int] = field(default_factory=list)
    steps: int = 0
    model: str = ""
    clips: list[str] = field(default_factory=list)
    seconds: float | None = None  # estimated, of all pictures
    created: str = field(default_factory=now)
    started: str | None = None
    completed: str | None = None
    state: str = OPEN
    folder: str | None = None  # of its run, in the folder of all runs
    pictures: dict[str, list[Any]] = field(default_factory=dict)  # run and number, by id
    retry: bool = False  # failed pictures are drawn again when it is next its turn
    crashes: int = 0  # ends of workers since its last step
    error: str | None = None
    logs: list[str] = field(default_factory=list)
    webhook: str | None = None
    webhook_events: list[str] | None = None

    def end(self, state: str, error: str | None = None) -> None:
        """Note how it ended."""
        self.state, self.error, self.completed = state, error, now()


@dataclass
class Queue:
    """The folder of the queue."""

    root: Path  # the folder of all runs
    seen: dict[str, tuple[tuple[int, int], Entry]] = field(default_factory=dict)  # by file
    listed: tuple[int, list[Entry]] | None = None  # with the folder's time of change

    @property
    def folder(self) -> Path:
        return queue_folder(self.root)

    def make(self) -> None:
        """Make the folder, for its user alone."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with suppress(OSError):
            self.folder.parent.chmod(0o700)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the queue's lock."""
        with files.lock(self.folder / ".lock", WAIT):
            yield

    def path(self, name: str) -> Path:
        """Return the file of a prediction. Raise KeyError for what cannot be an id."""
        if not ID.fullmatch(name):
            raise KeyError(name)
        return self.folder / f"{name}.json"

    def read(self, name: str) -> Entry:
        """Return a prediction. KeyError if there is none."""
        path = self.path(name)
        try:
            status = path.stat()
            stamp = (status.st_mtime_ns, status.st_ino)
            if name not in self.seen or self.seen[name][0] != stamp:
                self.seen[name] = stamp, read_entry(path)
        except (OSError, ValueError) as error:
            self.seen.pop(name, None)
            raise KeyError(name) from error
        return self.seen[name][1]

    def write(self, entry: Entry) -> None:
        """Write a prediction, so that it outlives a loss of power."""
        text = json.dumps(asdict(entry), ensure_ascii=False, indent=1)
        files.write(self.path(entry.id), text.encode("utf-8", "replace"), durable=True)

    def names(self) -> list[str]:
        return [path.stem for path in self.folder.glob("*.json") if ID.fullmatch(path.stem)]

    def all(self) -> list[Entry]:
        """Return every prediction, in the order of the queue."""
        stamp, begun = self.stamp(), time.time_ns()
        if self.listed is not None and self.listed[0] == stamp:
            return list(self.listed[1])
        found = []
        for name in self.names():
            with suppress(KeyError):  # a damaged file, or one that has just been removed
                found.append(self.read(name))
        found.sort(key=lambda entry: (entry.order, entry.created, entry.id))
        # A file that is replaced right after another may leave the folder the same time.
        self.listed = (stamp, list(found)) if begun - stamp > SETTLED else None
        return found

    def stamp(self) -> int:
        """Return the time at which a file was last added, replaced or removed; 0 if there is no
        folder."""
        try:
            return self.folder.stat().st_mtime_ns
        except OSError:
            return 0

    def open(self) -> list[Entry]:
        """Return the predictions that have not ended, in the order in which they are drawn."""
        return [entry for entry in self.all() if entry.state == OPEN]

    def add(self, entry: Entry) -> Entry:
        """Add a prediction at the end, and return it; one that is there with the same id and input
        is returned instead. Conflict if its input is another, Full if there are too many."""
        with self.locked():
            every = self.all()
            if same := next((one for one in every if one.id == entry.id), None):
                if same.input != entry.input:
                    raise Conflict(f"the id {entry.id} is taken by another input")
                return same
            if sum(one.state == OPEN for one in every) >= MOST_OPEN:
                raise Full(f"the queue has {MOST_OPEN} predictions; cancel some, or wait")
            entry.order = 1 + max((one.order for one in every), default=0.0)
            self.write(entry)
            self.forget_oldest(every)
        return entry

    def forget_oldest(self, every: Sequence[Entry]) -> None:
        """Remove the files of the oldest predictions that ended, beyond MOST_KEPT."""
        ended = [one for one in every if one.state != OPEN]
        for one in sorted(ended, key=lambda one: one.created)[: max(len(ended) - MOST_KEPT, 0)]:
            self.path(one.id).unlink(missing_ok=True)

    def change(self, name: str, change: Callable[[Entry], None]) -> Entry:
        """Change a prediction under the lock, and return it. KeyError if there is none."""
        with self.locked():
            entry = read_entry_or_key_error(self.path(name))
            change(entry)
            self.write(entry)
        return entry

    def cancel(self, name: str) -> Entry:
        """End a prediction; what is drawn of it is kept. One that has ended stays as it is."""

        def end(entry: Entry) -> None:
            if entry.state == OPEN:
                entry.end(CANCELED)

        return self.change(name, end)

    def resume(self, name: str) -> Entry:
        """Put a canceled or failed prediction at the end of the queue."""
        last = max((one.order for one in self.all()), default=0.0)

        def go_on(entry: Entry) -> None:
            if entry.state not in (CANCELED, FAILED):
                raise Conflict(f"{name} is neither canceled nor failed")
            entry.state, entry.error, entry.completed = OPEN, None, None
            entry.order, entry.retry, entry.crashes = last + 1, True, 0

        return self.change(name, go_on)

    def arrange(self, order: Sequence[str]) -> None:
        """Put open predictions first, in this order. KeyError for one that is not there; those
        that have ended are ignored."""
        with self.locked():
            for name in order:
                self.read(name)
            entries = {one.id: one for one in self.open()}
            first = [entries.pop(name) for name in dict.fromkeys(order) if name in entries]
            places = sorted(one.order for one in [*first, *entries.values()])
            for place, entry in zip(places, [*first, *entries.values()], strict=True):
                if entry.order != place:
                    entry.order = place
                    self.write(entry)

    @property
    def paused(self) -> bool:
        return (self.folder / PAUSED).exists()

    def pause(self, paused: bool) -> None:
        """Stop drawing after the step at hand, or go on."""
        if paused:
            (self.folder / PAUSED).touch()
        else:
            (self.folder / PAUSED).unlink(missing_ok=True)

    def ask_for_views(self, name: str) -> None:
        """Ask the worker that draws a prediction for the views of its next step."""
        self.path(name).with_suffix(VIEWS).touch()

    def take_views(self, name: str) -> bool:
        """Return whether the views were asked for, and forget it."""
        path = self.path(name).with_suffix(VIEWS)
        if not path.exists():
            return False
        path.unlink(missing_ok=True)
        return True

    def goes_on(self, name: str) -> bool:
        """Return whether a prediction is to be drawn, as far as the queue is concerned."""
        try:
            return self.read(name).state == OPEN and not self.paused
        except KeyError:
            return False


def read_entry_or_key_error(path: Path) -> Entry:
    try:
        return read_entry(path)
    except (OSError, ValueError) as error:
        raise KeyError(path.stem) from error


def read_entry(path: Path) -> Entry:
    """Return the prediction in a file. ValueError or OSError if it is none."""
    content = json_files.read(path)
    if isinstance(content, dict):
        content.setdefault("id", path.stem)
    entry = json_files.typed(Entry, content)
    right = {
        "id": entry.id == path.stem,
        "state": entry.state in STATES,
        "folder": entry.folder is None or is_inside(entry.folder),
        "pictures": all(map(is_place, entry.pictures.values())),
    }
    if wrong := [name for name, fits in right.items() if not fits]:
        raise ValueError(f"{path} has a wrong {wrong[0]}")
    return entry


def is_place(place: list[Any]) -> bool:
    """Return whether it is the run and number of a picture."""
    return len(place) == 2 and is_inside(place[0]) and type(place[1]) is int
