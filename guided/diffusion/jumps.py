"""Jumps: a sampler draws each stretch of steps several times, with noise added again in between.

What is drawn under a mask then has time to suit the known pixels: Lugmayr et al. 2022, "RePaint",
https://arxiv.org/abs/2201.09865 (section 4.2). A stretch of one step is recurrence (samplers.py).

Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from guided.interfaces import Denoiser, SamplerSettings, State, Step
from guided.schedule import Schedule

if TYPE_CHECKING:
    from torch import Tensor

    from guided.rng import RandomStreams
    from guided.timeline import Timeline


@dataclass
class Jumps(SamplerSettings):
    """A sampler that draws stretches of `length` steps `times` times. Stretches are counted from
    the end of the run; what is left over at its begin is drawn once."""

    sampler: SamplerSettings
    times: Schedule
    length: int

    @property
    def draws_noise(self) -> bool:
        return self.sampler.draws_noise

    def resolve_auto(self, size: tuple[int, int], steps: int) -> Jumps:
        """Return the settings with every `auto` of the sampler replaced by a value."""
        return replace(self, sampler=self.sampler.resolve_auto(size, steps))

    def repeats(self, progress: float) -> int:
        return self.sampler.repeats(progress) * int(self.times(progress))

    def begun(self, progress: float) -> Jumps:
        return replace(self, sampler=self.sampler.begun(progress))

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        """Yield the steps of the last time that each stretch is drawn."""
        timeline = denoiser.timeline
        while start >= 0:
            steps = start % self.length + 1
            if steps == self.length:  # not in the middle of a stretch, where a run may resume
                for _ in range(int(self.times(timeline.progress(start))) - 1):
                    *_, last = islice(self.sampler.sample(denoiser, x, rng, start, memory), steps)
                    scale, sigma = forward(timeline, last.i - 1, start)
                    x = scale * last.x + sigma * rng.normal_like(x)
                    memory = None  # of another noise
            for step in islice(self.sampler.sample(denoiser, x, rng, start, memory), steps):
                x, memory = step.x, step.memory
                yield step
            start -= steps


def forward(timeline: Timeline, i: int, to: int) -> tuple[float, float]:
    """Return (scale, sigma) of the forward process from position i to the noisier `to`:
    x * scale + sigma * noise."""
    (alpha, sigma), (alpha_to, sigma_to) = timeline.scales(i), timeline.scales(to)
    scale = alpha_to / alpha
    return scale, math.sqrt(max(0.0, sigma_to**2 - scale**2 * sigma**2))
