"""Handling of Ctrl-C and of termination signals, which a cluster sends before it ends a job.

The first signal asks to stop after the step at hand; the second stops at once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

SIGNALS = (signal.SIGINT, signal.SIGTERM)
Handler = Callable[[int, object], None]


@contextmanager
def handled_by(handler: Handler) -> Iterator[None]:
    """Call `handler` for each signal in SIGNALS while the block lasts. Does nothing outside the
    main thread, the only one that receives signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = {number: signal.signal(number, handler) for number in SIGNALS}
    try:
        yield
    finally:
        for number, old in previous.items():
            signal.signal(number, old)


@dataclass
class Interrupts:
    """Whether a stop was requested, and whether a step can be finished first."""

    requested: bool = False
    stepping: bool = False

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[Interrupts]:
        """Watch signals while the block lasts."""
        interrupts = cls()
        with handled_by(interrupts.handle):
            yield interrupts

    @contextmanager
    def between_steps(self) -> Iterator[None]:
        """Mark a block that checks `requested` after each step."""
        self.stepping = True
        try:
            yield
        finally:
            self.stepping = False

    def handle(self, number: int, frame: object) -> None:
        """Request a stop; KeyboardInterrupt at the second signal, or without a step to finish."""
        if self.requested or not self.stepping:
            raise KeyboardInterrupt
        self.requested = True
        # Not print(), which the signal may have interrupted.
        with suppress(OSError):  # the terminal may be gone
            os.write(2, b"\nfinishing this step; once more stops at once\n")
