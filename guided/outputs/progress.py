"""The progress bar: step, time left, loss and similarity. Quiet where no person watches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tqdm import tqdm

from guided.types import Frame, Run


@dataclass
class Progress:
    @contextmanager
    def open(self, run: Run) -> Iterator[ProgressViewer]:
        # disable=None: only on a terminal.
        with tqdm(total=run.steps * run.count, disable=None, unit="step") as bar:
            yield ProgressViewer(bar, run.count)


@dataclass
class ProgressViewer:
    bar: tqdm
    count: int

    def see(self, frame: Frame) -> None:
        if self.bar.disable:
            return
        if self.count > 1:
            self.bar.set_description(f"image {frame.index + 1} of {self.count}", refresh=False)
        loss = sum(value.item() for value in frame.guess.losses.values())
        facts = {"loss": f"{loss:.1f}"}
        if frame.guess.similarity is not None:
            facts["similarity"] = f"{frame.guess.similarity.item():.3f}"
        self.bar.set_postfix(facts, refresh=False)
        self.bar.update()
