"""The process of one of the studio's workers. It ends when its parent does, or when there has been
nothing to draw for a while.

Its events are lines of JSON on standard output; whatever else is printed goes to standard error.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
from pathlib import Path
from typing import Any, TextIO

from guided.batch import device_process
from guided.config import schema
from guided.config.messages import say
from guided.config.overrides import parse_all
from guided.console import Printable
from guided.devices import wait_passively
from guided.studio.drawing import Broken, Drawer, wait
from guided.untrusted import interpolation

IDLE = 600.0  # seconds without anything to draw, after which the process ends
REST = 120.0  # the same, after which the models are freed
LOOK = 5.0  # seconds, after which the queue is looked at though it has not changed
DONE, BROKEN, INTERRUPTED = 0, 3, 130  # exit codes


class Told(logging.Handler):
    """A handler that adds warnings to the log of the prediction at hand."""

    def __init__(self, drawer: Drawer) -> None:
        super().__init__(logging.WARNING)
        self.drawer = drawer
        self.setFormatter(Printable("%(levelname)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        self.drawer.note(self.format(record))


class Events:
    """A writer of events, from any thread."""

    def __init__(self, stream: TextIO) -> None:
        self.stream, self.lock = stream, threading.Lock()

    def __call__(self, event: str, **data: Any) -> None:
        line = json.dumps({"event": event, **data}, ensure_ascii=True, allow_nan=False)
        try:
            with self.lock:
                self.stream.write(line + "\n")
                self.stream.flush()
        except OSError:  # the parent is gone, which another thread sees
            pass


def main(settings: str) -> int:
    """Draw the queue of a folder until there is nothing to draw for IDLE seconds, and return the
    exit code. `settings` is the JSON of {root, device, base, flags}."""
    given = json.loads(settings)
    events = Events(own_output())
    drawer = Drawer(
        Path(given["root"]), events, parse_all(given["base"]), given["flags"], given["device"]
    )
    wait_passively()
    schema.register()
    interpolation.forget_environment()
    terminal = logging.StreamHandler()
    terminal.setFormatter(Printable("%(levelname)s: %(message)s"))
    logging.basicConfig(handlers=[terminal, Told(drawer)], level=logging.WARNING)
    try:
        threading.Thread(target=end_with_parent, args=[drawer], daemon=True).start()
        events("worker", state="idle", prediction=None)
        work(drawer, events)
    except KeyboardInterrupt:
        return INTERRUPTED
    except (Broken, MemoryError) as error:
        logging.warning("a worker begins anew: %s", say(error))
        return BROKEN
    return DONE


def work(drawer: Drawer, events: Events) -> None:
    """Draw whatever is in the queue until it has been empty for IDLE seconds."""
    idle = 0.0
    while idle < IDLE:
        if drawer.stopping:
            raise KeyboardInterrupt
        if drawer.draw_next():
            idle = 0.0
            continue
        if idle == 0.0:
            events("worker", state="idle", prediction=None)
        if not wait(drawer.queue, LOOK):
            idle += LOOK
            if idle == REST:
                drawer.rest()


def own_output() -> TextIO:
    """Return standard output, and redirect what others write to it to standard error."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return stream


def end_with_parent(drawer: Drawer) -> None:
    """When standard input ends, stop as after Ctrl-C."""
    while os.read(0, 1024):
        pass
    drawer.stopping = True
    device_process.end_soon()
