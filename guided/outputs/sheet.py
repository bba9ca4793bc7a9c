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
    rows: dict[int, list[Image.Image]] = field(default_factory=dict)  # of each image

    def see(self, frame: Frame) -> None:
        row = self.rows.setdefault(frame.index, [])
        if frame.step in self._chosen(frame.steps):
            row.append(self._small(picture(frame.image)))
        if frame.last:
            first = frame.index // ROWS * ROWS
            sheet = [self.rows[k] for k in range(first, first + ROWS) if self.rows.get(k)]
            name = f"sheet_{first:04d}.png" if first else "sheet.png"
            record.save_png(self._paste(sheet), self.run.folder / name)
            if frame.index == first + ROWS - 1:  # the sheet is full
                self.rows = {k: row for k, row in self.rows.items() if k > frame.index}

    def _chosen(self, steps: int) -> set[int]:
        columns = min(self.settings.columns, steps)
        return {round((k + 1) * steps / columns) for k in range(columns)}

    def _small(self, image: Image.Image) -> Image.Image:
        height = self.settings.height
        width = max(1, round(image.width * height / image.height))
        return image.resize((width, height), Image.Resampling.LANCZOS)

    def _paste(self, rows: list[list[Image.Image]]) -> Image.Image:
        width, height = rows[0][0].width + GAP, self.settings.height + GAP
        columns = max(len(row) for row in rows)
        sheet = Image.new("RGB", (columns * width + GAP, len(rows) * height + GAP), "white")
        for y, row in enumerate(rows):
            for x, image in enumerate(row):
                sheet.paste(image, (x * width + GAP, y * height + GAP))
        return sheet
