"""Guides made of other guides, or of a plain loss function and its gradient by autograd."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.interfaces import Guide, GuideGradient
from guided.rng import RandomStreams
from guided.schedule import Schedule


@dataclass
class GuidePerImage:
    guides: list[Guide]

    def is_active(self, progress: float) -> bool:
        return any(guide.is_active(progress) for guide in self.guides)

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """image (B, 3, H, W), as many as there are guides."""
        pulls = [
            guide(image[b : b + 1], progress, rng.stream(b)) for b, guide in enumerate(self.guides)
        ]
        unseen = image.new_zeros(1)  # of a guide that does not look at this step
        found = [unseen if p.similarity is None else p.similarity for p in pulls]
        return GuideGradient(
            torch.cat([pull.loss for pull in pulls]),
            torch.cat([pull.grad for pull in pulls]),
            None if all(p.similarity is None for p in pulls) else torch.cat(found),
        )


@dataclass
class LossGuide:
    """scale * loss(image), where loss takes (B, 3, H, W) in [-1, 1] to (B,)."""

    loss: Callable[[Tensor], Tensor]
    scale: Schedule

    def is_active(self, progress: float) -> bool:
        return self.scale(progress) != 0

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        scale = self.scale(progress)
        if scale == 0:
            return GuideGradient(image.new_zeros(len(image)), torch.zeros_like(image))
        with torch.enable_grad():
            image = image.detach().requires_grad_()
            # The references' scales are for images in [-1, 1].
            loss = scale * self.loss(2 * image - 1)
            (grad,) = torch.autograd.grad(loss.sum(), image)
        return GuideGradient(loss.detach(), grad)
