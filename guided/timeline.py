"""The noise levels of one run: alpha, sigma and progress at each step.

Plain Python numbers, at full precision; imports no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Timeline:
    """The steps of one run. Position i counts from 0 (nearly clean) to len - 1 (nearly all
    noise); position -1 is the clean image."""

    times: tuple[float, ...]  # what the network is told, 0..1000
    alpha_bar: tuple[float, ...]  # alpha**2 at each position

    def __len__(self) -> int:
        return len(self.times)

    def scales(self, i: int) -> tuple[float, float]:
        """(alpha, sigma) at position i."""
        if i < 0:
            return 1.0, 0.0
        return math.sqrt(self.alpha_bar[i]), math.sqrt(1 - self.alpha_bar[i])

    def progress(self, i: int) -> float:
        """How far a run is at position i, 0..1: by time, not by steps taken, so that schedules
        mean the same however many steps there are."""
        return (999 - int(self.times[i])) / 1000

    def renoise(self, i: int) -> tuple[float, float]:
        """(scale, sigma) that take x from position i - 1 back to i: x * scale + sigma * noise."""
        (alpha, sigma), (alpha_s, sigma_s) = self.scales(i), self.scales(i - 1)
        scale = alpha / alpha_s
        return scale, math.sqrt(max(0.0, sigma**2 - scale**2 * sigma_s**2))
