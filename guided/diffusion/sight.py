"""What guides see of a noisy image, and the way back from there to it.

Knows nothing about guides. The guess may be the denoiser's own, whose gradient goes through the
whole U-Net, or that of a small secondary model, as in Disco Diffusion: then the U-Net runs without
gradient, in a fraction of the memory and time.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.secondary import SecondaryModel, quick_guess
from guided.schedule import Schedule
from guided.types import Denoiser, Guess


@dataclass
class Sight:
    """`pred` is the guess of the clean image; `blend` is sigma * pred + (1 - sigma) * x, which
    towards the end is more and more what the sampler has, as in Disco Diffusion and DiscoArt."""

    sees: str = "pred"
    secondary: SecondaryModel | None = None
    when: Schedule | None = (
        None  # the secondary model guesses where it is 0.5 or more; None: always
    )

    def __call__(self, denoiser: Denoiser, x: Tensor, i: int) -> tuple[Guess, Tensor]:
        """x (B, 3, H, W) that requires a gradient -> the denoiser's guess, and the image in
        [-1, 1] that guides are to see, differentiable in x."""
        timeline = denoiser.timeline
        if self.secondary is not None and self._quick(timeline.progress(i)):
            with torch.no_grad():
                guess = denoiser(x.detach(), i)
            with torch.enable_grad():
                seen = quick_guess(self.secondary, x, timeline, i)
        else:
            with torch.enable_grad():
                guess = denoiser(x, i)
            seen = guess.pred
        if self.sees == "blend":
            with torch.enable_grad():
                _, sigma = timeline.scales(i)
                seen = sigma * seen + (1 - sigma) * x
        return guess, seen

    def _quick(self, progress: float) -> bool:
        return self.when is None or self.when(progress) >= 0.5
