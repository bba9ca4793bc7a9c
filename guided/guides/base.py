"""Guides composed of other guides, or of a loss function differentiated by autograd."""

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
    """A guide of a batch in which each image has a guide of its own."""

    guides: list[Guide]

    def is_active(self, progress: float) -> bool:
        """Return whether any of the guides is active at `progress`."""
        return any(guide.is_active(progress) for guide in self.guides)

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """Return the guides' losses and gradients of images (B, 3, H, W), one image per guide."""
        parts = [
            guide(image[b : b + 1], progress, rng.stream(b)) for b, guide in enumerate(self.guides)
        ]
        inactive = image.new_zeros(1)  # similarity of a guide that is not active at this step
        similarities = [inactive if p.similarity is None else p.similarity for p in parts]
        return GuideGradient(
            torch.cat([part.loss for part in parts]),
            torch.cat([part.grad for part in parts]),
            None if all(p.similarity is None for p in parts) else torch.cat(similarities),
        )


@dataclass
class Idle:
    """A guide that does nothing: of an image in a batch, whose others have it."""

    def is_active(self, progress: float) -> bool:
        """Return false."""
        return False

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """Return no loss and no gradient for images (B, 3, H, W)."""
        return GuideGradient(image.new_zeros(len(image)), torch.zeros_like(image))


@dataclass
class LossGuide:
    """A guide with the loss scale(progress) * loss(2 * image - 1).

    `loss` maps images (B, 3, H, W) in [-1, 1] to (B,)."""

    loss: Callable[[Tensor], Tensor]
    scale: Schedule

    def is_active(self, progress: float) -> bool:
        """Return whether the scale is not 0 at `progress`."""
        return self.scale(progress) != 0

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """Return the loss and its gradient with respect to images (B, 3, H, W) in [0, 1]."""
        scale = self.scale(progress)
        if scale == 0:
            return GuideGradient(image.new_zeros(len(image)), torch.zeros_like(image))
        with torch.enable_grad():
            image = image.detach().requires_grad_()
            # Published scales are for images in [-1, 1].
            loss = scale * self.loss(2 * image - 1)
            (grad,) = torch.autograd.grad(loss.sum(), image)
        return GuideGradient(loss.detach(), grad)
