"""Cutouts as CLIP might be shown them: cuts/0000_0010.png are those of image 0 after step 10.

They are sampled for people, with the settings but not the random numbers of the cutouts that
guided the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PIL.Image import Image

from guided.errors import check_number
from guided.images import contact_sheet, picture
from guided.interfaces import Frame, Output, Run
from guided.runs import layout, record
from guided.timeline import MOST_STEPS

GAP = 2  # pixels between cutouts


@dataclass
class Cuts(Output):
    """Settings of the sheets of cutouts."""

    keeps: ClassVar[bool] = False
    every: int = 10  # steps from one file to the next

    def __post_init__(self) -> None:
        check_number("every", self.every, 1, MOST_STEPS, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[CutsViewer]:
        folder = run.folder / layout.CUTS
        folder.mkdir(exist_ok=True)
        yield CutsViewer(self, run, folder)


@dataclass
class CutsViewer:
    """A writer of one nearly square sheet of cutouts at every few steps."""

    settings: Cuts
    run: Run
    folder: Path

    def see(self, frame: Frame) -> None:
        if frame.step % self.settings.every and not frame.last:
            return
        if sheet := sheet_of_cutouts(self.run, frame):
            record.save_png(sheet, self.folder / layout.step_name(frame.index, frame.step))


def sheet_of_cutouts(run: Run, frame: Frame) -> Image | None:
    """Return the cutouts of a frame's image in one nearly square picture; None if there are
    none."""
    if run.look is None:
        return None
    seen = run.look(frame.seen, frame.prediction.progress, frame.seed + frame.step)
    tiles = [picture(view[None]) for views in seen for view in views]
    return contact_sheet(tiles, math.ceil(math.sqrt(len(tiles))), GAP) if tiles else None
