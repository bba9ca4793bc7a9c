"""Previews: steps/0000_0010.png is image 0 as guessed after step 10, written while it is drawn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from guided import record
from guided.outputs.picture import picture
from guided.schedule import check_number
from guided.types import Frame, Run


@dataclass
class Steps:
    every: int = 10
    enlarge: int = 1

    def __post_init__(self) -> None:
        check_number("every", self.every, 1, whole=True)
        check_number("enlarge", self.enlarge, 1, 16, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[StepsViewer]:
        folder = run.folder / "steps"
        folder.mkdir()
        yield StepsViewer(self, run, folder)


@dataclass
class StepsViewer:
    settings: Steps
    run: Run
    folder: Path

    def see(self, frame: Frame) -> None:
        if frame.step % self.settings.every and not frame.last:
            return
        image = picture(self.run.enlarge(frame.image, self.settings.enlarge))
        record.save_png(image, self.folder / f"{frame.index:04d}_{frame.step:04d}.png")
