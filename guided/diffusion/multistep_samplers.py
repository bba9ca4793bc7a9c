"""Multistep samplers: earlier guesses say how the present one is changing, so that fewer steps do.

Know nothing about networks, CLIP or guidance. `s = i - 1` is the position after `i`. Each is a
dataclass of settings; imports no torch.

PLMS: Liu et al. 2022, "Pseudo Numerical Methods for Diffusion Models on Manifolds",
https://arxiv.org/abs/2202.09778
DPM-Solver++: Lu et al. 2022, https://arxiv.org/abs/2211.01095
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from guided.diffusion.samplers import walk
from guided.errors import check_number, is_number
from guided.interfaces import Denoiser, Prediction, SamplerSettings, State, Step
from guided.schedule import Schedule, schedule

if TYPE_CHECKING:
    from torch import Tensor

    from guided.rng import RandomStreams
    from guided.timeline import Timeline

# Adams and Bashforth's weights of the latest guess of the noise, the one before it, and so on.
ADAMS_BASHFORTH = {
    1: (1.0,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


@dataclass
class PLMS(SamplerSettings):
    """Pseudo linear multistep on the guessed noise: deterministic, one guess a step and a second
    one in the first step. No recurrence: noise put back is not the noise of earlier guesses."""

    order: int = 2  # 2 to 4; Disco Diffusion's is 2, the paper's 4
    eta: Any = 0  # there is no noise to scale: 0 and nothing else

    def __post_init__(self) -> None:
        check_number("order", self.order, 2, 4, whole=True)
        if not is_number(self.eta) or self.eta != 0:
            raise ValueError(
                f"eta={self.eta} must be 0: PLMS adds no noise; ddim, ddpm and dpmpp_sde do"
            )

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        timeline = denoiser.timeline
        # Guesses of the noise, the latest first.
        memory = memory or {}
        history = [memory[f"eps{k}"] for k in range(len(memory))]
        for i in range(start, -1, -1):
            guess = denoiser(x, i)
            eps = noise_in(x, guess, timeline, i)
            history = [eps, *history[: self.order - 1]]
            if i == 0:
                x = guess.guided
            elif len(history) == 1:
                # Pseudo improved Euler: the mean of the noise here and at the end of the step.
                there = moved(x, eps, timeline, i)
                second = noise_in(there, denoiser(there, i - 1), timeline, i - 1)
                x = moved(x, (eps + second) / 2, timeline, i)
            else:
                weights = ADAMS_BASHFORTH[len(history)]
                mixed = sum(w * past for w, past in zip(weights, history, strict=True))
                x = moved(x, mixed, timeline, i)
            memory = {f"eps{k}": past for k, past in enumerate(history[: self.order - 1])}
            yield Step(i, x, guess, memory)


def noise_in(x: Tensor, guess: Prediction, timeline: Timeline, i: int) -> Tensor:
    alpha, sigma = timeline.scales(i)
    return (x - alpha * guess.guided) / sigma


def moved(x: Tensor, eps: Tensor, timeline: Timeline, i: int) -> Tensor:
    """From position i to i - 1, if `eps` is the noise in x."""
    (alpha, sigma), (alpha_s, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
    return alpha_s * (x - sigma * eps) / alpha + sigma_s * eps


@dataclass
class DPMSolver(SamplerSettings):
    """DPM-Solver++(2M) at eta 0, and its form for the reverse SDE at eta 1: of second order, with
    one guess a step. Where a step is taken again (recurrence), only its first time looks back: the
    noise put in since is not that of the guess before."""

    eta: Any = 0.0
    recurrence: Any = 1

    def __post_init__(self) -> None:
        self.eta = schedule("eta", self.eta, 0, 1)
        self.recurrence = schedule("recurrence", self.recurrence, 1, 100, whole=True)

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        here = (start + 1, memory["pred"]) if memory else None
        for step in walk(Remembering(self.eta, here), self.recurrence, denoiser, x, rng, start):
            yield replace(step, memory={"pred": step.prediction.guided})


@dataclass
class Remembering:
    """One run's DPM-Solver++, with the guess of the position before."""

    eta: Schedule
    here: tuple[int, Tensor] | None = None  # latest position, and its guess
    before: tuple[int, Tensor] | None = None  # the one before

    def step(
        self, x: Tensor, guess: Prediction, timeline: Timeline, i: int, rng: RandomStreams
    ) -> Tensor:
        again = self.here is not None and self.here[0] == i
        self.before = None if again else self.here
        self.here = (i, guess.guided)
        if i == 0:
            return guess.guided
        (_, sigma), (alpha_s, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
        h = clarity(timeline, i - 1) - clarity(timeline, i)
        noisy = self.eta(timeline.progress(i)) * h
        kept = sigma_s / sigma * math.exp(-noisy)
        x = kept * x - alpha_s * math.expm1(-h - noisy) * self._ahead(timeline, i, h)
        if noisy == 0:
            return x
        return x + sigma_s * math.sqrt(-math.expm1(-2 * noisy)) * rng.normal_like(x)

    def _ahead(self, timeline: Timeline, i: int, h: float) -> Tensor:
        """The guess half a step ahead, on the line through this one and the one before."""
        assert self.here is not None
        pred = self.here[1]
        if self.before is None:
            return pred
        position, earlier = self.before
        run_up = clarity(timeline, i) - clarity(timeline, position)
        return pred + h / (2 * run_up) * (pred - earlier)


def clarity(timeline: Timeline, i: int) -> float:
    """lambda: the logarithm of alpha / sigma, half that of the ratio of signal to noise."""
    alpha, sigma = timeline.scales(i)
    return math.log(alpha / sigma)
