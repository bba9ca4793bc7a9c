"""The progress bar of a whole batch: pictures, steps, time left, loss and similarity. Quiet where
no person watches; there a line is printed now and then (batch/worker.py)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from guided.interfaces import Frame, Output, Overall, Run

LOOK = "{desc}: {percentage:3.0f}%|{bar}|{postfix}"


@dataclass
class Progress(Output):
    @contextmanager
    def open(self, run: Run) -> Iterator[ProgressViewer]:
        total = run.overall.pictures if run.overall else run.count
        # disable=None: only on a terminal. What stays is said at the end.
        with tqdm(total=total, disable=None, leave=False, bar_format=LOOK) as bar:
            yield ProgressViewer(bar, run.overall, run.count)


@dataclass
class ProgressViewer:
    bar: tqdm
    overall: Overall | None
    together: int

    def see(self, frame: Frame) -> None:
        if self.bar.disable:
            return
        part = self.together * frame.step / frame.steps  # of the pictures at hand
        before = self.overall.over if self.overall else 0
        self.bar.n = min(before + part, self.bar.total)
        self.bar.set_description(f"picture {frame.index}, step {frame.step}/{frame.steps}", False)
        losses = [value.item() for value in frame.prediction.losses.values()]
        facts = [self.overall.text(part)] if self.overall else []
        facts += [f"loss {sum(losses):.1f}"] if losses else []  # none where the guides rest
        if frame.prediction.similarity is not None:
            facts.append(f"similarity {frame.guess.similarity.item():.3f}")
        self.bar.set_postfix_str(", ".join(facts), refresh=True)
