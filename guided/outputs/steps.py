"""Previews: steps/0000_0010.png is the prediction of image 0 after step 10.

A thread writes them, because compressing a large PNG takes longer than a step on a GPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from guided.errors import check_number
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.runs import layout, record
from guided.timeline import MOST_STEPS


@dataclass
class Steps(Output):
    """Settings of the previews."""

    # steps from one preview to the next; null: only those of `at`, and the last
    every: int | None = 10
    at: list[int] = field(default_factory=list)  # steps with a preview, counted from 1
    enlarge: int = 1  # factor of the previews' size

    def __post_init__(self) -> None:
        if self.every is not None:
            check_number("every", self.every, 1, MOST_STEPS, whole=True)
        for step in self.at:
            check_number("at", step, 1, whole=True)
        check_number("enlarge", self.enlarge, 1, 16, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[StepsViewer]:
        folder = run.folder / layout.STEPS
        folder.mkdir(exist_ok=True)
        with ThreadPoolExecutor(1) as writer:
            viewer = StepsViewer(self, run, folder, writer)
            yield viewer
            viewer.wait()


@dataclass
class StepsViewer:
    """A writer of previews, with at most one preview waiting to be written."""

    settings: Steps
    run: Run
    folder: Path
    writer: ThreadPoolExecutor
    writing: Future[None] | None = None

    def see(self, frame: Frame) -> None:
        chosen = self.settings
        regular = chosen.every is not None and frame.step % chosen.every == 0
        if not (regular or frame.step in chosen.at or frame.last):
            return
        image = picture(self.run.enlarge(frame.image, self.settings.enlarge))
        self.wait()
        path = self.folder / layout.step_name(frame.index, frame.step)
        self.writing = self.writer.submit(record.save_png, image, path)
        if frame.last:  # the picture itself is written after all its other files
            self.wait()

    def wait(self) -> None:
        """Wait until the last preview is written; OSError if it cannot be."""
        if self.writing is not None:
            self.writing.result()
