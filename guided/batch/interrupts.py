"""Handling of Ctrl-C and of termination signals, which a cluster sends before it ends a job.

The first signal asks to stop after the step at hand; the second stops at once.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from guided.console import stop_signals_handled


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
        with stop_signals_handled(interrupts.handle):
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
