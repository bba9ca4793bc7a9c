"""The device, the size and the time of a run, which all parts share."""

from __future__ import annotations

import copy
import gc
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from benchmarks.cases import ALL, Case
from benchmarks.sides import Weights
from guided.cutouts.settings import DiscoCutouts

CPU = torch.device("cpu")
Row = dict[str, Any]  # columns of a table; those that are no number or text are in the JSON only


@dataclass
class Bench:
    """A device, `size` ("full" or "tiny": one small case instead of all), and the folders of
    results and of packed training data."""

    device: torch.device
    size: str
    out: Path
    data: str = ""
    ends: float = float("inf")  # time.monotonic() at which the run has to be over
    made: dict[str, Weights] = field(default_factory=dict)  # of the last case

    @property
    def tiny(self) -> bool:
        return self.size == "tiny"

    @property
    def dtype(self) -> torch.dtype:
        """Return Disco Diffusion's precision on a GPU, and the only fast one on a CPU."""
        return torch.float16 if self.device.type == "cuda" else torch.float32

    def left(self) -> float:
        """Return the seconds that are left."""
        return self.ends - time.monotonic()

    def case(self, name: str) -> Case:
        """Return the case of a name, or the tiny one."""
        return ALL["tiny" if self.tiny else name]

    def cutouts(self, case: Case, micro_batch: int | None = None) -> DiscoCutouts:
        """Return Disco's cutouts for a case; for the tiny one four views."""
        if self.tiny:
            return DiscoCutouts(overview=2, inner=2, batches=1, micro_batch=micro_batch)
        return DiscoCutouts(batches=case.batches, micro_batch=micro_batch)

    def weights(
        self, case: Case, device: torch.device | None = None, dtype: torch.dtype | None = None
    ) -> Weights:
        """Return the random weights of a case, on the CPU, for a device and a precision."""
        if case.name not in self.made:
            self.made.clear()  # one case's weights are gigabytes
            self.made[case.name] = Weights(case, CPU, torch.float32)
        weights = copy.copy(self.made[case.name])
        weights.device, weights.dtype = device or self.device, dtype or self.dtype
        return weights

    def free(self) -> None:
        """Give back the memory of networks that are gone, and start counting the peak anew."""
        gc.collect()
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(self.device)


@dataclass(frozen=True)
class Part:
    """A part of a run: a function that yields the rows of its table, and the seconds it is
    expected to take on a recent GPU."""

    name: str
    title: str
    rows: Callable[[Bench], Iterator[Row]]
    seconds: float
