"""Multistep samplers: earlier predictions extrapolate the present one, so that fewer steps do.

`s = i - 1` is the position after `i`. Each sampler is a dataclass of settings; imports no torch.

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
from guided.schedule import Schedule, always_zero, schedule

if TYPE_CHECKING:
    from torch import Tensor

    from guided.rng import RandomStreams
    from guided.timeline import Timeline

# Adams and Bashforth's weights of the predicted noise, the latest first, by order.
ADAMS_BASHFORTH = {
    1: (1.0,),
    2: (3 / 2, -1 / 2),
    3: (23 / 12, -16 / 12, 5 / 12),
    4: (55 / 24, -59 / 24, 37 / 24, -9 / 24),
}


@dataclass
class PLMS(SamplerSettings):
    """Pseudo linear multistep on the predicted noise: deterministic, with one evaluation a step
    and two in the first step. No recurrence: fresh noise is not that of earlier predictions."""

    order: int = 2  # 2 as in Disco Diffusion; 4 as in the paper
    eta: Any = 0  # must be 0, because PLMS adds no noise

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
        # Predicted noise, the latest first.
        memory = memory or {}
        history = [memory[f"eps{k}"] for k in range(len(memory))]
        for i in range(start, -1, -1):
            prediction = denoiser(x, i)
            eps = predicted_noise(x, prediction, timeline, i)
            history = [eps, *history[: self.order - 1]]
            if i == 0:
                x = prediction.guided
            elif len(history) == 1:
                # Pseudo improved Euler: the mean of the noise here and at the end of the step.
                there = moved(x, eps, timeline, i)
                second = predicted_noise(there, denoiser(there, i - 1), timeline, i - 1)
                x = moved(x, (eps + second) / 2, timeline, i)
            else:
                weights = ADAMS_BASHFORTH[len(history)]
                first, *others = (w * past for w, past in zip(weights, history, strict=True))
                x = moved(x, sum(others, start=first), timeline, i)
            memory = {f"eps{k}": past for k, past in enumerate(history[: self.order - 1])}
            yield Step(i, x, prediction, memory)


def predicted_noise(x: Tensor, prediction: Prediction, timeline: Timeline, i: int) -> Tensor:
    """Return the noise in x at position i, if the prediction is right."""
    alpha, sigma = timeline.scales(i)
    return (x - alpha * prediction.guided) / sigma


def moved(x: Tensor, eps: Tensor, timeline: Timeline, i: int) -> Tensor:
    """Return x moved from position i to i - 1, if `eps` is the noise in x."""
    (alpha, sigma), (alpha_s, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
    return alpha_s * (x - sigma * eps) / alpha + sigma_s * eps


@dataclass
class DPMSolver(SamplerSettings):
    """DPM-Solver++(2M) at eta 0, and its form for the reverse SDE at eta 1: second order, with one
    evaluation a step. With recurrence only the first pass of a step uses the earlier prediction,
    which does not belong to the fresh noise of later passes."""

    eta: Any = 0  # share of fresh noise: 0 deterministic, 1 the SDE
    recurrence: Any = 1  # times that each step is taken, noise added again in between

    def __post_init__(self) -> None:
        self.eta = schedule("eta", self.eta, 0, 1)
        self.recurrence = schedule("recurrence", self.recurrence, 1, 100, whole=True)

    @property
    def draws_noise(self) -> bool:
        return not always_zero(self.eta)

    def repeats(self, progress: float) -> int:
        return int(self.recurrence(progress))

    def begun(self, progress: float) -> DPMSolver:
        return replace(self, recurrence=self.recurrence.begun(progress))

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        here = (start + 1, memory["pred"]) if memory else None
        for step in walk(DPMSolverRun(self.eta, here), self.recurrence, denoiser, x, rng, start):
            yield replace(step, memory={"pred": step.prediction.guided})


@dataclass
class DPMSolverRun:
    """One run of DPM-Solver++, with the latest two predictions."""

    eta: Schedule
    here: tuple[int, Tensor] | None = None  # latest position and its prediction
    before: tuple[int, Tensor] | None = None  # the one before

    def step(
        self, x: Tensor, prediction: Prediction, timeline: Timeline, i: int, rng: RandomStreams
    ) -> Tensor:
        """Return x at position i - 1, given x (B, 3, H, W) and the prediction at position i."""
        again = self.here is not None and self.here[0] == i
        self.before = None if again else self.here
        self.here = (i, prediction.guided)
        if i == 0:
            return prediction.guided
        (_, sigma), (alpha_s, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
        h = log_snr(timeline, i - 1) - log_snr(timeline, i)
        noisy = self.eta(timeline.progress(i)) * h
        rest = sigma_s / sigma * math.exp(-noisy)
        x = rest * x - alpha_s * math.expm1(-h - noisy) * self._ahead(timeline, i, h)
        if noisy == 0:
            return x
        return x + sigma_s * math.sqrt(-math.expm1(-2 * noisy)) * prediction.fresh_noise(x, rng)

    def _ahead(self, timeline: Timeline, i: int, h: float) -> Tensor:
        """Return the prediction extrapolated by half a step from this one and the one before."""
        assert self.here is not None
        image = self.here[1]
        if self.before is None:
            return image
        position, earlier = self.before
        gap = log_snr(timeline, i) - log_snr(timeline, position)
        return image + h / (2 * gap) * (image - earlier)


def log_snr(timeline: Timeline, i: int) -> float:
    """Return lambda = log(alpha / sigma), half the logarithm of the signal-to-noise ratio."""
    alpha, sigma = timeline.scales(i)
    return math.log(alpha / sigma)
