"""Ctrl-C once: the step at hand is finished and kept; twice: at once. A termination signal, which
a cluster sends before it ends a job, counts as once.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class Interrupts:
    """Has a stop been asked for?"""

    asked: bool = False
    stepping: bool = False  # is there a step to finish?

    @classmethod
    @contextmanager
    def watched(cls) -> Iterator[Interrupts]:
        """Only the main thread is told of signals; in another, nothing changes."""
        stopping = cls()
        if threading.current_thread() is not threading.main_thread():
            yield stopping
            return
        before = {number: signal.signal(number, stopping.heard) for number in SIGNALS}
        try:
            yield stopping
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def between_steps(self) -> Iterator[None]:
        """While this lasts, `asked` will be looked at after each step."""
        self.stepping = True
        try:
            yield
        finally:
            self.stepping = False

    def heard(self, number: int, frame: Any) -> None:
        if self.asked or not self.stepping:
            raise KeyboardInterrupt
        self.asked = True
        # Not print(), which may be in the middle of a line itself.
        with suppress(OSError):  # the terminal may be gone
            os.write(2, b"\nfinishing this step; once more stops at once\n")
