"""A guide for each image of a batch: they may ask for different things."""

from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.noise_schedule import Dice
from guided.interfaces import Guide, Pull


@dataclass
class OneEach:
    guides: list[Guide]

    def asks(self, progress: float) -> bool:
        return any(guide.asks(progress) for guide in self.guides)

    def __call__(self, image: Tensor, progress: float, dice: Dice) -> Pull:
        """image (B, 3, H, W), as many as there are guides."""
        pulls = [
            guide(image[b : b + 1], progress, dice.of(b)) for b, guide in enumerate(self.guides)
        ]
        unseen = image.new_zeros(1)  # of a guide that does not look at this step
        found = [unseen if p.similarity is None else p.similarity for p in pulls]
        return Pull(
            torch.cat([pull.loss for pull in pulls]),
            torch.cat([pull.grad for pull in pulls]),
            None if all(p.similarity is None for p in pulls) else torch.cat(found),
        )
