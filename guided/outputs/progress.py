"""The progress bar of a batch on a terminal: picture, step, time left, similarity and loss.

Without a terminal, batch/worker.py prints a line now and then instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from guided.interfaces import Frame, Output, Overall, Run

if TYPE_CHECKING:
    from tqdm import tqdm

LAYOUT = "{desc}{postfix} {percentage:3.0f}%|{bar}|"
BAR = len(" 100%|########|") + 1  # columns that are kept for the bar
COLUMNS = 80  # of a terminal that does not tell


@dataclass
class Progress(Output):
    """The output of the progress bar; it has no settings."""

    keeps: ClassVar[bool] = False

    @contextmanager
    def open(self, run: Run) -> Iterator[ProgressViewer]:
        from tqdm import tqdm

        total = run.overall.pictures if run.overall else run.count
        # disable=None: on a terminal only.
        with tqdm(
            total=total, disable=None, leave=False, bar_format=LAYOUT, dynamic_ncols=True
        ) as bar:
            yield ProgressViewer(bar, run.overall, run.count, run.shares)


@dataclass
class ProgressViewer:
    """A writer of the progress bar."""

    bar: tqdm
    overall: Overall | None
    together: int  # pictures that are drawn at once
    shares: Sequence[float] = ()  # of a picture's work after each step

    def see(self, frame: Frame) -> None:
        if self.bar.disable:
            return
        share = self.shares[frame.step - 1] if self.shares else frame.step / frame.steps
        part = self.together * share
        before = self.overall.closed if self.overall else 0
        self.bar.n = min(before + part, self.bar.total or math.inf)
        title = f"picture {frame.index}, step {frame.step}/{frame.steps}"
        width = (self.bar.ncols or COLUMNS) - len(title) - BAR
        self.bar.set_description_str(title, refresh=False)
        self.bar.set_postfix_str(fitting(self._facts(frame, part), width), refresh=True)

    def _facts(self, frame: Frame, part: float) -> Iterator[str]:
        """Yield facts about the batch and the picture, the most important first."""
        if self.overall and (left := self.overall.time_left(part)):
            yield left
        if frame.prediction.similarity is not None:
            yield f"similarity {frame.prediction.similarity.item():.3f}"
        if losses := [value.item() for value in frame.prediction.losses.values()]:
            yield f"loss {sum(losses):.1f}"  # none while all guides rest
        if self.overall and self.overall.pictures > 1:
            yield f"{self.overall.done} of {self.overall.pictures} {self.overall.unit}"


def fitting(facts: Iterator[str] | Sequence[str], width: int) -> str:
    """Return the first facts, joined by commas, that fit into `width` columns."""
    text = ""
    for fact in facts:
        longer = f"{text}, {fact}".removeprefix(", ")
        if len(longer) + 2 > width:  # tqdm writes a comma before them
            break
        text = longer
    return text
