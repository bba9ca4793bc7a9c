"""What guides see of a noisy image, and the way back from there to it.

Knows nothing about guides. The guess may be the denoiser's own, whose gradient goes through the
whole U-Net, or that of a small secondary model, as in Disco Diffusion: then the U-Net runs without
gradient, in a fraction of the memory and time.

Or the gradient goes straight back, through no network at all. By Tweedie's formula the derivative
of the exact guess is alpha / sigma**2 times the covariance of the clean image given the noisy one
(Boys et al. 2023, https://arxiv.org/abs/2310.06721). Where the pixels of clean images
were white noise of variance 1, that covariance would be sigma**2, and the derivative alpha. The
guess then moves by sigma**2 times the gradient of what guides say of it: guidance on the clean
image, He et al. 2023, "Manifold Preserving Guided Diffusion", https://arxiv.org/abs/2311.16424
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.gradients import pulled_back
from guided.diffusion.secondary import SecondaryModel, quick_guess
from guided.interfaces import Denoiser, Prediction
from guided.schedule import Schedule
from guided.timeline import Timeline


@dataclass
class TargetImage:
    """A guess, and the image (B, 3, H, W) in [-1, 1] that guides are to see of it."""

    prediction: Prediction
    image: Tensor | None  # None where nobody looks
    x: Tensor
    slope: float | None  # d image / d x, where it is taken as a number; None: by autograd

    def back(self, grad: Tensor) -> Tensor:
        """From the gradient with respect to the image to that with respect to x."""
        if self.slope is not None:
            return self.slope * grad
        assert self.image is not None
        return pulled_back(self.image, self.x, grad)


@dataclass
class GuidanceTarget:
    """`pred` is the guess of the clean image; `blend` is sigma * pred + (1 - sigma) * x, which
    towards the end is more and more what the sampler has, as in Disco Diffusion and DiscoArt."""

    sees: str = "pred"
    secondary: SecondaryModel | None = None
    when: Schedule | None = (
        None  # the secondary model guesses where it is 0.5 or more; None: always
    )
    through: str = "unet"  # unet: the network that guesses what guides see; or straight

    def __call__(
        self, denoiser: Denoiser, x: Tensor, i: int, look: bool = True, back: bool = True
    ) -> TargetImage:
        """x (B, 3, H, W). `look`: guides will be shown the image; `back`: a gradient will be sent
        back from it. What is not wanted is not computed, and nothing is kept for it."""
        timeline = denoiser.timeline
        graph = back and self.through == "unet"
        x = x.detach().requires_grad_(graph)
        quick = self.quick(timeline.progress(i))
        with torch.set_grad_enabled(graph and not quick):
            guess = denoiser(x, i)
        image = None
        if look or graph:
            with torch.set_grad_enabled(graph):
                image = quick_guess(self.secondary, x, timeline, i) if quick else guess.guided
                if self.sees == "blend":
                    _, sigma = timeline.scales(i)
                    image = sigma * image + (1 - sigma) * x
        return TargetImage(guess, image, x, None if graph else self._slope(timeline, i))

    @property
    def through_unet(self) -> bool:
        """Does a gradient ever go back through the U-Net?"""
        always = self.when is None or min(self.when.values) >= 0.5
        return self.through == "unet" and (self.secondary is None or not always)

    def quick(self, progress: float) -> bool:
        """Does the secondary model guess there?"""
        wanted = self.when is None or self.when(progress) >= 0.5
        return self.secondary is not None and wanted

    def _slope(self, timeline: Timeline, i: int) -> float:
        alpha, sigma = timeline.scales(i)
        return sigma * alpha + 1 - sigma if self.sees == "blend" else alpha
