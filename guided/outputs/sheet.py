"""The contact sheet, sheet.png: one row per image, the guess at evenly spaced steps.

After 50 images a new one begins, named after its first image (sheet_0050.png).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from PIL import Image

from guided import record
from guided.outputs.picture import picture
from guided.schedule import check_number
from guided.types import Frame, Run

GAP = 4  # pixels between pictures
ROWS = 50


@dataclass
class Sheet:
    columns: int = 8
    height: int = 128  # of each picture, in pixels

    def __post_init__(self) -> None:
        check_number("columns", self.columns, 1, 100, whole=True)
        check_number("height", self.height, 16, 1024, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[SheetViewer]:
        yield SheetViewer(self, run)


@dataclass
class SheetViewer:
    settings: Sheet
    run: Run
    rows: list[list[Image.Image]] = field(default_factory=list)

    def see(self, frame: Frame) -> None:
        if frame.step == 1:
            if frame.index % ROWS == 0:
                self.rows.clear()
            self.rows.append([])
        if frame.step in self._chosen(frame.steps):
            self.rows[-1].append(self._small(picture(frame.image)))
        if frame.last:
            first = frame.index // ROWS * ROWS
            name = f"sheet_{first:04d}.png" if first else "sheet.png"
            record.save_png(self._paste(), self.run.folder / name)

    def _chosen(self, steps: int) -> set[int]:
        columns = min(self.settings.columns, steps)
        return {round((k + 1) * steps / columns) for k in range(columns)}

    def _small(self, image: Image.Image) -> Image.Image:
        height = self.settings.height
        width = max(1, round(image.width * height / image.height))
        return image.resize((width, height), Image.Resampling.LANCZOS)

    def _paste(self) -> Image.Image:
        width, height = self.rows[0][0].width + GAP, self.settings.height + GAP
        columns = max(len(row) for row in self.rows)
        sheet = Image.new("RGB", (columns * width + GAP, len(self.rows) * height + GAP), "white")
        for y, row in enumerate(self.rows):
            for x, image in enumerate(row):
                sheet.paste(image, (x * width + GAP, y * height + GAP))
        return sheet
