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
next one starts.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from guided.diffusion.noise import Dice, Timeline
from guided.diffusion.sight import Sight
from guided.schedule import Schedule
from guided.types import Denoiser, Guess, Guide, Pull

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
    dice: Dice
    clamp: Schedule | None = None  # largest root mean square of the gradient
    reach: Schedule | None = None  # largest root mean square of the shift that it makes
    sight: Sight = field(default_factory=Sight)

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Guess:
        progress = self.timeline.progress(i)
        x = x.detach().requires_grad_()
        guess, seen = self.sight(self.denoiser, x, i)
        image = (seen.detach() + 1) / 2
        pulls = self._pulls(image, progress)
        total = sum((pull.grad for pull in pulls.values()), torch.zeros_like(x))
        if total.any():  # NaN counts as something
            (grad,) = torch.autograd.grad(seen, x, total.to(x) / 2)
        else:
            grad = torch.zeros_like(x)
        grad, norm = self._finite(grad, i), rms(grad)
        if self.clamp is not None:
            grad = clamped(grad, self.clamp(progress))

        alpha, sigma = self.timeline.scales(i)
        shift = sigma**2 / max(alpha, LEAST_ALPHA) * grad
        if self.reach is not None:
            shift = clamped(shift, self.reach(progress))
        return Guess(
            pred=guess.pred.detach() - shift,
            plain=guess.plain.detach(),
            spread=None if guess.spread is None else guess.spread.detach(),
            losses={name: pull.loss.detach() for name, pull in pulls.items()},
            similarity=similarity(pulls),
            grad_norm=norm,
            seen=image,
            progress=progress,
        )

    def _pulls(self, image: Tensor, progress: float) -> dict[str, Pull]:
        return {name: guide(image, progress, self.dice) for name, guide in self.guides.items()}

    def _finite(self, grad: Tensor, i: int) -> Tensor:
        """An overflowed gradient would blacken the picture: that image's step goes unguided."""
        broken = ~torch.isfinite(rms(grad))
        if broken.any():
            log.warning(
                "the gradient at timestep %.0f is not finite; this step goes on unguided. "
                "If it happens often, try precision=float32",
                self.timeline.times[i],
            )
            grad = torch.where(broken.view(-1, 1, 1, 1), torch.zeros_like(grad), grad)
        return grad


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


def similarity(pulls: Mapping[str, Pull]) -> Tensor | None:
    return next((p.similarity for p in pulls.values() if p.similarity is not None), None)
