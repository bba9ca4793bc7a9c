"""Guidance as a wrapper: a guided denoiser is a denoiser, so no sampler hears of it.

    pred = plain - reach(sigma**2 / alpha * clamp(grad))

where grad is the gradient, with respect to the noisy x, of what the guides say of the plain guess.
In noise space that is eps + sigma * grad, the score conditioning of Song et al. 2020,
https://arxiv.org/abs/2011.13456 (eq. 14), and of Dhariwal and Nichol 2021 (algorithm 2).

`clamp` limits the gradient, as Disco Diffusion does. The factor before it grows without bound
towards pure noise, where a guide sees next to nothing: `reach` limits what comes of it there.

Two stages: each guide gives its gradient with respect to the image, then the sum goes once through
the network to x. That equals the direct gradient, and frees each CLIP before the next one starts.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.noise import Dice, Timeline
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

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Guess:
        progress = self.timeline.progress(i)
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            guess = self.denoiser(x, i)
        plain = guess.plain.detach()
        pulls = self._pulls((plain + 1) / 2, progress)
        total = sum((pull.grad for pull in pulls.values()), torch.zeros_like(plain))
        if total.any():  # NaN counts as something
            (grad,) = torch.autograd.grad(guess.pred, x, total.to(plain) / 2)
        else:
            grad = torch.zeros_like(plain)
        grad, norm = self._finite(grad, i), rms(grad)
        if self.clamp is not None:
            grad = clamped(grad, self.clamp(progress))

        alpha, sigma = self.timeline.scales(i)
        shift = sigma**2 / max(alpha, LEAST_ALPHA) * grad
        if self.reach is not None:
            shift = clamped(shift, self.reach(progress))
        return Guess(
            pred=guess.pred.detach() - shift,
            plain=plain,
            spread=None if guess.spread is None else guess.spread.detach(),
            losses={name: pull.loss.detach() for name, pull in pulls.items()},
            similarity=similarity(pulls),
            grad_norm=norm,
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


def rms(grad: Tensor) -> Tensor:
    """Root mean square of each image, (B,)."""
    return grad.detach().square().flatten(1).mean(1).sqrt()


def clamped(grad: Tensor, limit: float) -> Tensor:
    """Each image's gradient scaled down to a root mean square of `limit`; zero stays zero."""
    size = rms(grad).view(-1, 1, 1, 1)
    return torch.where(size > limit, grad * (limit / size), grad)


def similarity(pulls: Mapping[str, Pull]) -> Tensor | None:
    return next((p.similarity for p in pulls.values() if p.similarity is not None), None)
