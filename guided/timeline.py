"""The noise levels of one run: alpha, sigma and progress at each step.

Plain Python numbers, at full precision; imports no torch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST_STEPS = 100_000  # of a picture


@dataclass(frozen=True)
class Timeline:
    """The noise levels of one run. Position i counts from 0 (nearly clean) to len - 1 (nearly all
    noise); position -1 is the clean image."""

    times: tuple[float, ...]  # timesteps of the network, 0..1000
    alpha_bar: tuple[float, ...]  # alpha**2 at each position

    def __len__(self) -> int:
        """Return the number of steps."""
        return len(self.times)

    def scales(self, i: int) -> tuple[float, float]:
        """Return (alpha, sigma) at position i, with alpha**2 + sigma**2 = 1."""
        if i < 0:
            return 1.0, 0.0
        return math.sqrt(self.alpha_bar[i]), math.sqrt(1 - self.alpha_bar[i])

    def progress(self, i: int) -> float:
        """Return the progress at position i, 0..1: by time, not by steps, so that schedules do not
        depend on the number of steps."""
        return (999 - int(self.times[i])) / 1000

    def renoise(self, i: int) -> tuple[float, float]:
        """Return (scale, sigma) of the forward step from position i - 1 to i:
        x * scale + sigma * noise."""
        (alpha, sigma), (alpha_s, sigma_s) = self.scales(i), self.scales(i - 1)
        scale = alpha / alpha_s
        return scale, math.sqrt(max(0.0, sigma**2 - scale**2 * sigma_s**2))
