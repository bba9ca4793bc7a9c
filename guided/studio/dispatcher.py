"""The processes of the studio's workers: started when there is something to draw, started anew
when one ends, and ended with the server.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from guided import search_path
from guided.errors import BadInput, printable
from guided.runs import files
from guided.studio import json_files
from guided.studio.entries import FAILED, OPEN, Entry, Queue
from guided.studio.places import SERVER, studio_folder

log = logging.getLogger(__name__)
MODULE = "guided.studio.worker_process"
LOOK = 0.25  # seconds between looks at the queue and at the processes
MOST_CRASHES = 5  # ends of workers without a step in between
PAUSE = 2.0  # seconds before a worker that ended by itself is started anew
QUIET = (0, 130)  # exit codes of workers that have nothing to draw, or were told to end
END = 15.0  # seconds for the step at hand when the server ends
Tell = Callable[[dict[str, Any]], None]


@dataclass
class Worker:
    """The process of a worker."""

    device: str | None
    process: subprocess.Popen[bytes] | None = None
    state: str = "stopped"
    prediction: str | None = None
    stepped: bool = False  # it has taken a step since it was started
    after: float = 0.0  # the time at which it may be started
    stale: bool = False  # it was started with other flags than those of today

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def as_dict(self) -> dict[str, Any]:
        return {
            "device": self.device or "auto",
            "state": self.state,
            "prediction": self.prediction,
        }


@dataclass
class Dispatcher:
    """Starts and watches the workers of a queue. Only one at a time does so for a folder."""

    root: Path
    tell: Tell  # is called with each event, in other threads
    base: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    devices: Sequence[str | None] = (None,)
    ended: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.queue = Queue(self.root)
        self.workers = [Worker(device) for device in self.devices]
        self.lock: FileLock | None = None
        self.thread: threading.Thread | None = None

    def hold(self) -> None:
        """Hold the lock of those that start workers. BadInput if another process has it."""
        self.queue.make()
        lock = files.lock(studio_folder(self.root) / ".server.lock", 0)
        try:
            lock.acquire()
        except Timeout as error:
            where = address(self.root)
            raise BadInput(
                f"folder={self.root}: another studio is open for this folder{where}"
            ) from error
        self.lock = lock

    @property
    def holds(self) -> bool:
        """Whether the workers of the folder are this process's."""
        return self.lock is not None

    def begin(self) -> None:
        """Watch the queue in a thread."""
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def end(self) -> None:
        """End the workers after the step at hand."""
        self.ended.set()
        for worker in self.workers:
            self.let_go(worker)
        for worker in self.workers:
            if worker.process is not None:
                try:
                    worker.process.wait(END)
                except subprocess.TimeoutExpired:
                    worker.process.kill()
        if self.thread is not None:
            self.thread.join(END)
        if self.lock is not None:
            self.lock.release()

    def let_go(self, worker: Worker) -> None:
        """Have a worker end after the step at hand."""
        if worker.process is not None and worker.process.stdin is not None:
            with suppress(OSError):
                worker.process.stdin.close()

    def watch(self) -> None:
        """Start workers while there is something to draw, until the end."""
        seen = None
        while not self.ended.wait(LOOK):
            with suppress(OSError):  # the folder may be moved or full for a while
                seen = self.look(seen)

    def look(self, seen: object) -> object:
        """Look once: tell of a changed queue, and start the workers that are needed."""
        stamp = (self.queue.stamp(), self.queue.paused)
        if stamp != seen:
            self.tell({"event": "changed"})
        wanted = None
        for worker in self.workers:
            if worker.process is not None and not worker.alive:
                self.note_end(worker)
            if worker.stale and worker.state == "idle":
                self.let_go(worker)
            if not worker.alive and time.monotonic() >= worker.after:
                wanted = self.wanted() if wanted is None else wanted
                if wanted:
                    self.start(worker)
        return stamp

    def renew(self) -> None:
        """Have workers started anew with the flags of today once they have nothing to draw."""
        for worker in self.workers:
            worker.stale = worker.alive

    def wanted(self) -> bool:
        """Return whether there is something to draw."""
        return not self.queue.paused and bool(self.queue.open())

    def start(self, worker: Worker) -> None:
        """Start a worker, and a thread that reads its events."""
        settings = {
            "root": str(self.root),
            "device": worker.device,
            "base": self.base,
            "flags": self.flags,
        }
        worker.process = subprocess.Popen(
            search_path.command([json.dumps(settings)], MODULE),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=sys.platform != "win32",  # a terminal's Ctrl-C is the server's
        )
        worker.state, worker.prediction, worker.stepped = "starting", None, False
        worker.stale = False
        self.tell({"event": "worker", **worker.as_dict()})
        threading.Thread(target=self.read, args=[worker, worker.process], daemon=True).start()

    def read(self, worker: Worker, process: subprocess.Popen[bytes]) -> None:
        """Tell of each event of a worker until it ends."""
        assert process.stdout is not None
        for line in process.stdout:
            try:
                event = json.loads(line)
            except ValueError:  # cut off by its end
                continue
            if event.get("event") == "worker":
                worker.state, worker.prediction = event["state"], event["prediction"]
                event = {"event": "worker", **worker.as_dict()}
            elif event.get("event") == "progress" and not worker.stepped:
                worker.stepped = True
                self.forgive(str(event.get("prediction")))
            self.tell(event)

    def forgive(self, name: str) -> None:
        """Forget the crashes of a prediction that goes on."""
        with suppress(KeyError, OSError):
            if self.queue.read(name).crashes:
                self.queue.change(name, lambda entry: setattr(entry, "crashes", 0))

    def note_end(self, worker: Worker) -> None:
        """Note that a worker has ended. A prediction with which workers end again and again, none
        of them with a step taken, is given up."""
        assert worker.process is not None
        code, worker.process = worker.process.returncode, None
        name, worker.state, worker.prediction = worker.prediction, "stopped", None
        if code not in QUIET:
            worker.after = time.monotonic() + PAUSE
            log.warning("a worker of the studio ended with code %d and is started anew", code)
        if code not in QUIET and name is not None:
            with suppress(KeyError):
                self.queue.change(name, count_crash)
            self.tell({"event": "state", "prediction": name})
        self.tell({"event": "worker", **worker.as_dict()})


def address(root: Path) -> str:
    """Return `, at http://...` of the server of a folder; empty if it is not known."""
    try:
        note = json_files.read(studio_folder(root) / SERVER)
        return f", at {printable(str(note['address']))}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def count_crash(entry: Entry) -> None:
    """Count the end of a worker, and give the prediction up after MOST_CRASHES."""
    entry.crashes += 1
    if entry.crashes >= MOST_CRASHES and entry.state == OPEN:
        entry.end(
            FAILED,
            f"its worker ended {entry.crashes} times without a step, as when memory runs out; a "
            "smaller size or fewer CLIPs need less",
        )
