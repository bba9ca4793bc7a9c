"""One-step samplers, DDIM and DDPM: from a noisy image, step by step, to a clean one.

`s = i - 1` is the position after `i`. Each sampler is a dataclass of settings; imports no torch.

DDPM: Ho et al. 2020, https://arxiv.org/abs/2006.11239, with the learned variance of Nichol and
Dhariwal 2021, https://arxiv.org/abs/2102.09672
DDIM: Song et al. 2020, https://arxiv.org/abs/2010.02502
Recurrence: Bansal et al. 2023, "Universal Guidance", https://arxiv.org/abs/2302.07121
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from guided.interfaces import Denoiser, Prediction, SamplerSettings, State, Step
from guided.schedule import AUTO, Schedule, always_zero, automatic, schedule

if TYPE_CHECKING:
    from torch import Tensor

    from guided.rng import RandomStreams
    from guided.timeline import Timeline


class OneStep(Protocol):
    """A sampler that a single step defines."""

    def step(
        self, x: Tensor, prediction: Prediction, timeline: Timeline, i: int, rng: RandomStreams
    ) -> Tensor:
        """Return x at position i - 1, given x (B, 3, H, W) and the prediction at position i."""
        ...


def walk(
    sampler: OneStep,
    recurrence: Schedule,
    denoiser: Denoiser,
    x: Tensor,
    rng: RandomStreams,
    start: int,
) -> Iterator[Step]:
    """Yield the steps from position `start` to 0.

    With recurrence n each step is taken n times, with noise added back in between, so that
    guidance acts n times at each noise level."""
    timeline = denoiser.timeline
    for i in range(start, -1, -1):
        for remaining in range(int(recurrence(timeline.progress(i))) - 1, -1, -1):
            prediction = denoiser(x, i)
            x = sampler.step(x, prediction, timeline, i, rng)
            if remaining:
                scale, sigma = timeline.renoise(i)
                x = scale * x + sigma * rng.normal_like(x)
        yield Step(i, x, prediction)


@dataclass
class DDIM(SamplerSettings):
    """DDIM: deterministic at eta 0, as noisy as DDPM at eta 1."""

    # share of fresh noise: 0 deterministic, 1 as much as DDPM; auto: 0 for up to 50 steps, rising
    # to 1 for 315
    eta: Any = 0.8
    recurrence: Any = 1  # times that each step is taken, noise added again in between

    def __post_init__(self) -> None:
        self.eta = automatic("eta", self.eta, 0, 1)
        self.recurrence = schedule("recurrence", self.recurrence, 1, 100, whole=True)

    @property
    def draws_noise(self) -> bool:
        return not always_zero(self.eta)

    def repeats(self, progress: float) -> int:
        return int(self.recurrence(progress))

    def begun(self, progress: float) -> DDIM:
        return replace(self, recurrence=self.recurrence.begun(progress))

    def resolve_auto(self, size: tuple[int, int], steps: int) -> DDIM:
        """Return the settings with eta=auto replaced by its value for the number of steps."""
        return replace(self, eta=auto_eta(steps)) if self.eta == AUTO else self

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        return walk(self, self.recurrence, denoiser, x, rng, start)

    def step(
        self, x: Tensor, prediction: Prediction, timeline: Timeline, i: int, rng: RandomStreams
    ) -> Tensor:
        (alpha, sigma), (alpha_s, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
        eps = (x - alpha * prediction.guided) / sigma
        # Equation 16: the standard deviation of the fresh noise.
        fresh = self.eta(timeline.progress(i)) * sigma_s / sigma
        fresh *= math.sqrt(max(0.0, 1 - (alpha / alpha_s) ** 2))
        rest = math.sqrt(max(0.0, sigma_s**2 - fresh**2))
        x = alpha_s * prediction.guided + rest * eps
        return x + fresh * prediction.fresh_noise(x, rng) if i > 0 else x


def auto_eta(steps: int) -> float:
    """Return progrockdiffusion's eta: 0 up to 50 steps, which cannot remove fresh noise, then
    linear to 1 at 315."""
    return min(max((steps - 50) / (315 - 50), 0.0), 1.0)


@dataclass
class DDPM(SamplerSettings):
    """Ancestral sampling, with the learned variance or else the larger of the two fixed ones."""

    recurrence: Any = 1  # times that each step is taken, noise added again in between

    def __post_init__(self) -> None:
        self.recurrence = schedule("recurrence", self.recurrence, 1, 100, whole=True)

    @property
    def draws_noise(self) -> bool:
        return True

    def repeats(self, progress: float) -> int:
        return int(self.recurrence(progress))

    def begun(self, progress: float) -> DDPM:
        return replace(self, recurrence=self.recurrence.begun(progress))

    def sample(
        self,
        denoiser: Denoiser,
        x: Tensor,
        rng: RandomStreams,
        start: int,
        memory: State | None = None,
    ) -> Iterator[Step]:
        return walk(self, self.recurrence, denoiser, x, rng, start)

    def step(
        self, x: Tensor, prediction: Prediction, timeline: Timeline, i: int, rng: RandomStreams
    ) -> Tensor:
        (alpha, sigma), (alpha_s, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
        scale = alpha / alpha_s
        beta = 1 - scale**2
        mean = alpha_s * beta / sigma**2 * prediction.unguided + scale * sigma_s**2 / sigma**2 * x
        variance = self.variance(prediction, timeline, i)
        # Sohl-Dickstein et al. 2015: guidance shifts the mean by the variance times the score,
        # and (guided - unguided) is sigma**2 / alpha times the score.
        mean = mean + variance * (prediction.guided - prediction.unguided) * (alpha / sigma**2)
        return mean + variance**0.5 * prediction.fresh_noise(x, rng) if i > 0 else mean

    def variance(self, prediction: Prediction, timeline: Timeline, i: int) -> Tensor | float:
        """Return the variance of the step: learned, between the posterior's and the forward step's
        on a logarithmic scale; or else the larger of the two."""
        smallest, largest = posterior_variance(timeline, i), step_variance(timeline, i)
        if prediction.variance is None:
            return largest if i > 0 else smallest
        share = (prediction.variance + 1) / 2
        return (share * math.log(largest) + (1 - share) * math.log(smallest)).exp()


def step_variance(timeline: Timeline, i: int) -> float:
    """Return beta, the variance that the forward process adds from i - 1 to i."""
    return 1 - (timeline.scales(i)[0] / timeline.scales(i - 1)[0]) ** 2


def posterior_variance(timeline: Timeline, i: int) -> float:
    """Return the variance of x at i - 1, given x at i and the clean image.

    At i = 0 it would be 0, whose logarithm is infinite: that of i = 1 instead, as in
    guided-diffusion."""
    i = max(i, 1) if len(timeline) > 1 else i
    (_, sigma), (_, sigma_s) = timeline.scales(i), timeline.scales(i - 1)
    return max(step_variance(timeline, i) * sigma_s**2 / sigma**2, 1e-20)
