"""The finished picture, image_0000.png, with how it was made inside it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from guided import record
from guided.outputs.picture import picture
from guided.schedule import check_number
from guided.types import Frame, Run


@dataclass
class Still:
    enlarge: int = 1  # how many times larger than it was drawn

    def __post_init__(self) -> None:
        check_number("enlarge", self.enlarge, 1, 16, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[StillViewer]:
        yield StillViewer(self, run)


@dataclass
class StillViewer:
    settings: Still
    run: Run

    def see(self, frame: Frame) -> None:
        if not frame.last:
            return
        # The record names this image's own seed, and asks for it alone.
        settings = {**self.run.settings, "seed": frame.seed, "count": 1, "keep": None}
        if frame.score is not None:
            settings["score"] = round(frame.score, 6)
        if [p.text for p in frame.prompts] != [p.text for p in self.run.prompts]:
            # Wildcards as they were decided.
            settings["drawn"] = "; ".join(p.text for p in frame.prompts if p.at(1.0) > 0)
        path = self.run.folder / f"image_{frame.index:04d}.png"
        image = self.run.enlarge(frame.image, self.settings.enlarge)
        record.save_png(picture(image), path, settings)
