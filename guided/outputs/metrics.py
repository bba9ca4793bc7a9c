"""metrics.jsonl: one line a step with losses, similarity, gradient norm, time and memory.

A resumed run appends to the file. It may have been stopped within a line, and repeats some steps:
of two lines about a step, the later one is valid.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, TextIO

from guided.interfaces import Frame, Output, Run
from guided.runs.layout import METRICS

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Metrics(Output):
    """The output of metrics; it has no settings."""

    keeps: ClassVar[bool] = False

    @contextmanager
    def open(self, run: Run) -> Iterator[MetricsViewer]:
        path = run.folder / METRICS
        with path.open("a", encoding="utf-8") as file:
            if ends_within_line(path):
                file.write("\n")
            yield MetricsViewer(file)


def ends_within_line(path: Path) -> bool:
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


@dataclass
class MetricsViewer:
    """A writer of one line for each frame."""

    file: TextIO

    def see(self, frame: Frame) -> None:
        prediction = frame.prediction
        line = {
            "image": frame.index,
            "step": frame.step,
            "of": frame.steps,
            "progress": frame.progress,
            "loss": {name: number(loss) for name, loss in prediction.losses.items()},
            "similarity": number(prediction.similarity),
            "grad_norm": number(prediction.grad_norm),
            "seconds": round(frame.seconds, 4),
            "peak_memory_mb": peak_memory(prediction.unguided),
        }
        self.file.write(json.dumps(line) + "\n")
        self.file.flush()


def number(value: Tensor | None) -> float | None:
    return None if value is None else round(value.item(), 6)


def peak_memory(image: Tensor) -> int | None:
    """Return the peak memory in MiB of the image's GPU, or of the process; None on Windows."""
    if image.device.type == "cuda":
        import torch

        return torch.cuda.max_memory_allocated(image.device) >> 20
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak >> (20 if sys.platform == "darwin" else 10)
