"""What CLIP is shown: cuts/0000_0010.png are cutouts of image 0 after step 10, in rows.

They are drawn anew for the eye, by the same settings but not with the same random numbers as
those that guided the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from guided.errors import check_number
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.runs import record

GAP = 2  # pixels between cutouts


@dataclass
class Cuts(Output):
    every: int = 10

    def __post_init__(self) -> None:
        check_number("every", self.every, 1, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[CutsViewer]:
        folder = run.folder / "cuts"
        folder.mkdir(exist_ok=True)
        yield CutsViewer(self, run, folder)


@dataclass
class CutsViewer:
    settings: Cuts
    run: Run
    folder: Path

    def see(self, frame: Frame) -> None:
        if self.run.look is None or (frame.step % self.settings.every and not frame.last):
            return
        guess = frame.prediction
        image = frame.image if guess.seen is None else guess.seen
        seen = self.run.look(image, guess.progress, frame.seed + frame.step)
        tiles = [picture(view[None]) for views in seen for view in views]
        if tiles:
            name = f"{frame.index:04d}_{frame.step:04d}.png"
            record.save_png(pasted(tiles), self.folder / name)


def pasted(tiles: list[Image.Image]) -> Image.Image:
    """All of them in a nearly square sheet."""
    columns = math.ceil(math.sqrt(len(tiles)))
    rows = math.ceil(len(tiles) / columns)
    width, height = max(tile.width for tile in tiles), max(tile.height for tile in tiles)
    sheet = Image.new("RGB", (columns * (width + GAP), rows * (height + GAP)), "white")
    for k, tile in enumerate(tiles):
        sheet.paste(tile, (k % columns * (width + GAP), k // columns * (height + GAP)))
    return sheet
