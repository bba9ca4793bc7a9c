"""A guide from a plain loss function; its gradient comes from autograd."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.noise_schedule import Dice
from guided.interfaces import Pull
from guided.schedule import Schedule


@dataclass
class LossGuide:
    """scale * loss(image), where loss takes (B, 3, H, W) in [-1, 1] to (B,)."""

    loss: Callable[[Tensor], Tensor]
    scale: Schedule

    def asks(self, progress: float) -> bool:
        return self.scale(progress) != 0

    def __call__(self, image: Tensor, progress: float, dice: Dice) -> Pull:
        scale = self.scale(progress)
        if scale == 0:
            return Pull(image.new_zeros(len(image)), torch.zeros_like(image))
        with torch.enable_grad():
            image = image.detach().requires_grad_()
            # The references' scales are for images in [-1, 1].
            loss = scale * self.loss(2 * image - 1)
            (grad,) = torch.autograd.grad(loss.sum(), image)
        return Pull(loss.detach(), grad)
