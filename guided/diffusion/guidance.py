"""Guidance as a wrapper: a guided denoiser is a denoiser, so that samplers need no change.

    guided = unguided - reach(sigma**2 / alpha * clamp(grad))

where grad is the gradient of the guides' loss with respect to the noisy x. The guides evaluate the
unguided prediction, or another image by the settings (guidance_target.py). Other methods of
guidance choose the gradient's path and the size of the shift (guidance_method.py).
In noise space that is eps + sigma * grad, the score conditioning of Song et al. 2020,
https://arxiv.org/abs/2011.13456 (eq. 14), and of Dhariwal and Nichol 2021 (algorithm 2).

`clamp` limits the gradient, as Disco Diffusion does. The factor before it grows without bound
towards pure noise, where the prediction holds next to nothing: `reach` limits the shift there.

Two stages: each guide returns its gradient with respect to the image, then the sum is propagated
once to x, through the network that predicted the image. That equals the direct gradient, and frees
each CLIP before the next one starts. At steps without guides (guidance_cache.py) the last sum may
be propagated again.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from guided.diffusion.guidance_cache import CachedGradient, GuidanceCache
from guided.diffusion.guidance_method import GuidanceMethod, rms
from guided.diffusion.guidance_target import GuidanceTarget, TargetImage
from guided.interfaces import Denoiser, Guide, Prediction
from guided.rng import RandomStreams
from guided.timeline import Timeline

log = logging.getLogger(__name__)


@dataclass
class GuidedDenoiser:
    """A denoiser whose prediction is shifted along the gradient of the guides."""

    denoiser: Denoiser
    guides: Mapping[str, Guide]
    rng: RandomStreams
    method: GuidanceMethod = field(default_factory=GuidanceMethod)
    target: GuidanceTarget = field(default_factory=GuidanceTarget)
    cache: GuidanceCache = field(default_factory=GuidanceCache)
    # Timesteps, and whether the gradient of an image was not finite there.
    nonfinite: list[tuple[float, Tensor]] = field(default_factory=list)

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the guided prediction for x (B, 3, H, W) at position i."""
        progress = self.timeline.progress(i)
        due = self.cache.is_due(progress)
        target, gradient = self._evaluated(x, i, progress) if due else self._reused(x, i)
        grad = self._backward(target, gradient)
        grad, norm = self._finite(grad, i), rms(grad)
        heading = self.method.heading(grad, progress)
        model = target.prediction
        guided = model.guided.detach()
        prediction = Prediction(
            guided=guided if heading else guided - self._shift(grad, target, i),
            unguided=model.unguided.detach(),
            variance=None if model.variance is None else model.variance.detach(),
            losses=gradient.losses,
            similarity=gradient.similarity,
            grad_norm=norm,
            seen=None if target.image is None else in_colour(target.image),
            progress=progress,
            heading=heading,
        )
        self.cache.update(due, gradient)  # last: a step that runs out of memory is repeated
        return prediction

    def _shift(self, grad: Tensor, target: TargetImage, i: int) -> Tensor:
        """Return the shift of the prediction by a gradient with respect to x."""
        model = target.prediction.guided.detach()
        scales, progress = self.timeline.scales(i), self.timeline.progress(i)
        return self.method.shift(grad, target.x.detach(), model, scales, progress)

    def _evaluated(self, x: Tensor, i: int, progress: float) -> tuple[TargetImage, CachedGradient]:
        """Return the target and the guides' gradient with respect to it."""
        active = any(guide.is_active(progress) for guide in self.guides.values())
        target = self.target(self.denoiser, x, i, back=active)
        assert target.image is not None
        image = target.image.detach()
        gradient = self._gradient(image, i, active)
        if gradient.grad is None or not target.mu:
            return target, gradient
        for _ in range(1, int(self.method.iterations(progress))):
            grad = target.straight(*in_range(gradient, image))
            moved = target.moved(self._shift(self._finite(grad, i), target, i))
            more = self._gradient(moved, i, active).grad
            assert more is not None  # some guide is active
            further = more if gradient.further is None else gradient.further + more
            gradient = replace(gradient, further=further)
        return target, gradient

    def _gradient(self, image: Tensor, i: int, active: bool) -> CachedGradient:
        """Return the guides' gradient with respect to an image in [-1, 1]."""
        progress, (_, sigma) = self.timeline.progress(i), self.timeline.scales(i)
        each = []
        for seen in self.method.noisy(image, sigma, progress, self.rng):
            # Inactive guides too: a stream of random numbers must not depend on their settings.
            colour = in_colour(seen)
            found = {
                name: guide(colour, progress, self.rng) for name, guide in self.guides.items()
            }
            each.append(CachedGradient.summed(found, active))
        return CachedGradient.softmin(each)

    def _reused(self, x: Tensor, i: int) -> tuple[TargetImage, CachedGradient]:
        """Return the target and the cached gradient."""
        cached = self.cache.gradient
        return self.target(self.denoiser, x, i, look=False, back=cached.grad is not None), cached

    def _backward(self, target: TargetImage, gradient: CachedGradient) -> Tensor:
        """Return the gradient with respect to x."""
        grad = gradient.grad
        # On a CPU, where the test does not wait for a device, zeros skip the backward pass.
        if grad is None or (grad.device.type == "cpu" and not grad.any()):
            return torch.zeros_like(target.x)
        return target.backward(*in_range(gradient, target.x))

    def _finite(self, grad: Tensor, i: int) -> Tensor:
        """Return `grad` with zeros for images whose gradient is not finite: it would make the
        picture black, so that their step is unguided."""
        nonfinite = ~torch.isfinite(rms(grad))
        self.nonfinite.append((self.timeline.times[i], nonfinite.any()))
        return torch.where(nonfinite.view(-1, 1, 1, 1), torch.zeros_like(grad), grad)

    def warn_nonfinite(self) -> None:
        """Warn of steps since the last call that were unguided. Call it between steps, because it
        waits for a GPU to finish."""
        for time, nonfinite in self.nonfinite:
            if nonfinite:
                log.warning(
                    "the gradient at timestep %.0f is not finite; this step goes on unguided. "
                    "If it happens often, try precision=float32",
                    time,
                )
        self.nonfinite.clear()


# (steps at most, clamp), fitted by progrockdiffusion for runs with a secondary model.
AUTO_CLAMP = ((35, 0.001), (75, 0.0125), (150, 0.02), (225, 0.035), (300, 0.05), (500, 0.075))


def auto_clamp(steps: int, secondary: bool) -> float:
    """Return the clamp for a number of steps: the more steps, the larger."""
    clamp = next((limit for most, limit in AUTO_CLAMP if steps <= most), 0.1)
    return clamp if secondary else 2 * clamp


def in_colour(image: Tensor) -> Tensor:
    """Return the image, detached, scaled from [-1, 1] to [0, 1]."""
    return (image.detach() + 1) / 2


def in_range(gradient: CachedGradient, x: Tensor) -> tuple[Tensor, Tensor | None]:
    """Return the gradient with respect to an image in [0, 1], and the sum of further ones, with
    respect to that image in [-1, 1], in the type of x."""
    assert gradient.grad is not None
    further = gradient.further
    return gradient.grad.to(x) / 2, None if further is None else further.to(x) / 2
