"""metrics.jsonl: one line a step with every loss, the gradient's size, time and memory.

A run that was stopped goes on at the end of its file. It may have been stopped in the middle of
a line, and takes some steps again: of two lines about a step, the later one counts.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from guided.interfaces import Frame, Output, Run

if TYPE_CHECKING:
    from torch import Tensor

NAME = "metrics.jsonl"


@dataclass
class Metrics(Output):
    @contextmanager
    def open(self, run: Run) -> Iterator[MetricsViewer]:
        path = run.folder / NAME
        with path.open("a", encoding="utf-8") as file:
            if torn(path):
                file.write("\n")
            yield MetricsViewer(file)


def torn(path: Path) -> bool:
    """Does the file end within a line?"""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


@dataclass
class MetricsViewer:
    file: TextIO

    def see(self, frame: Frame) -> None:
        guess = frame.prediction
        line = {
            "image": frame.index,
            "step": frame.step,
            "of": frame.steps,
            "progress": frame.progress,
            "loss": {name: number(loss) for name, loss in guess.losses.items()},
            "similarity": number(guess.similarity),
            "grad_norm": number(guess.grad_norm),
            "seconds": round(frame.seconds, 4),
            "peak_memory_mb": peak_memory(guess.unguided),
        }
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()


def number(value: Tensor | None) -> float | None:
    return None if value is None else round(value.item(), 6)


def peak_memory(image: Tensor) -> int | None:
    """Megabytes: of the device where it is a GPU, else of the process; Windows does not say."""
    if image.device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(image.device) >> 20
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)
