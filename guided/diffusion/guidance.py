"""Guidance as a wrapper: a guided denoiser is a denoiser, so no sampler hears of it.

    pred = plain - reach(sigma**2 / alpha * clamp(grad))

where grad is the gradient, with respect to the noisy x, of what the guides say of what they see
(sight.py): the plain guess, unless settings say otherwise.
In noise space that is eps + sigma * grad, the score conditioning of Song et al. 2020,
https://arxiv.org/abs/2011.13456 (eq. 14), and of Dhariwal and Nichol 2021 (algorithm 2).

`clamp` limits the gradient, as Disco Diffusion does. The factor before it grows without bound
towards pure noise, where a guide sees next to nothing: `reach` limits what comes of it there.

Two stages: each guide gives its gradient with respect to the image, then the sum goes once to x,
through the network that made it. That equals the direct gradient, and frees each CLIP before the
next one starts. Where the guides rest (asking.py), their last sum may go to x once more.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from guided.diffusion.guidance_cache import CachedGradient, GuidanceCache
from guided.diffusion.guidance_target import GuidanceTarget, TargetImage
from guided.interfaces import Denoiser, Guide, Prediction
from guided.rng import RandomStreams
from guided.schedule import Schedule
from guided.timeline import Timeline

log = logging.getLogger(__name__)

# The shift divides by alpha, which a cosine schedule takes to 0 in its first steps, where no
# guide can see anything yet. Just below the least alpha of the linear schedule (0.00635), so that
# every checkpoint trained with that one is guided exactly.
LEAST_ALPHA = 0.006


@dataclass
class GuidedDenoiser:
    """A denoiser whose guess is bent by guides."""

    denoiser: Denoiser
    guides: Mapping[str, Guide]
    rng: RandomStreams
    clamp: Schedule | None = None  # largest root mean square of the gradient
    reach: Schedule | None = None  # largest root mean square of the shift that it makes
    target: GuidanceTarget = field(default_factory=GuidanceTarget)
    cache: GuidanceCache = field(default_factory=GuidanceCache)
    broken: list[tuple[float, Tensor]] = field(default_factory=list)  # times, and whether it was

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        progress = self.timeline.progress(i)
        asked = self.cache.due(progress)
        if asked:
            view, answer = self._asked(x, i, progress)
        else:
            view, answer = self._rested(x, i)
        grad = self._back(view, answer)
        grad, norm = self._finite(grad, i), rms(grad)
        if self.clamp is not None:
            grad = clamped(grad, self.clamp(progress))

        alpha, sigma = self.timeline.scales(i)
        shift = sigma**2 / max(alpha, LEAST_ALPHA) * grad
        if self.reach is not None:
            shift = clamped(shift, self.reach(progress))
        guess = view.prediction
        bent = Prediction(
            guided=guess.guided.detach() - shift,
            unguided=guess.unguided.detach(),
            variance=None if guess.variance is None else guess.variance.detach(),
            losses=answer.losses,
            similarity=answer.similarity,
            grad_norm=norm,
            seen=None if view.image is None else in_colour(view.image),
            progress=progress,
        )
        self.cache.went(asked, answer)  # last: a step that runs out of memory is taken again
        return bent

    def _asked(self, x: Tensor, i: int, progress: float) -> tuple[TargetImage, CachedGradient]:
        """The guess, and what the guides say of it."""
        wanted = any(guide.is_active(progress) for guide in self.guides.values())
        view = self.target(self.denoiser, x, i, back=wanted)
        assert view.image is not None
        image = in_colour(view.image)
        # Also those that ask for nothing: a stream of random numbers must not depend on it.
        pulls = {name: guide(image, progress, self.rng) for name, guide in self.guides.items()}
        return view, CachedGradient.of(pulls, wanted)

    def _rested(self, x: Tensor, i: int) -> tuple[TargetImage, CachedGradient]:
        """The guess, and what the guides said last, as far as it holds."""
        answer = self.cache.answer
        return self.target(self.denoiser, x, i, look=False, back=answer.grad is not None), answer

    def _back(self, view: TargetImage, answer: CachedGradient) -> Tensor:
        """The gradient with respect to x."""
        grad = answer.grad
        # Where a look costs nothing, nothing is sent back for nothing. NaN counts as something.
        if grad is None or (grad.device.type == "cpu" and not grad.any()):
            return torch.zeros_like(view.x)
        return view.back(grad.to(view.x) / 2)  # from [0, 1] to [-1, 1]

    def _finite(self, grad: Tensor, i: int) -> Tensor:
        """An overflowed gradient would blacken the picture: that image's step goes unguided."""
        broken = ~torch.isfinite(rms(grad))
        self.broken.append((self.timeline.times[i], broken.any()))
        return torch.where(broken.view(-1, 1, 1, 1), torch.zeros_like(grad), grad)

    def tell(self) -> None:
        """Of what went unguided since this was asked before. Between steps, because the answer
        waits for a GPU to have done all that it was told."""
        for time, broken in self.broken:
            if broken:
                log.warning(
                    "the gradient at timestep %.0f is not finite; this step goes on unguided. "
                    "If it happens often, try precision=float32",
                    time,
                )
        self.broken.clear()


# Fitted by progrockdiffusion for runs with a secondary model: up to so many steps, so much.
AUTO_CLAMP = ((35, 0.001), (75, 0.0125), (150, 0.02), (225, 0.035), (300, 0.05), (500, 0.075))


def auto_clamp(steps: int, secondary: bool) -> float:
    """A clamp for that many steps: more of them, each smaller, may each be pulled further."""
    found = next((limit for most, limit in AUTO_CLAMP if steps <= most), 0.1)
    return found if secondary else 2 * found


def rms(grad: Tensor) -> Tensor:
    """Root mean square of each image, (B,)."""
    return grad.detach().square().flatten(1).mean(1).sqrt()


def clamped(grad: Tensor, limit: float) -> Tensor:
    """Each image's gradient scaled down to a root mean square of `limit`; zero stays zero."""
    size = rms(grad).view(-1, 1, 1, 1)
    return torch.where(size > limit, grad * (limit / size), grad)


def in_colour(image: Tensor) -> Tensor:
    """From [-1, 1] to [0, 1], as guides see it."""
    return (image.detach() + 1) / 2
