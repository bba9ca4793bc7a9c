"""The image that guides evaluate, computed from a noisy image, and the gradient back to it.

The image may be the denoiser's own prediction, whose gradient goes through the whole U-Net, or
that of a small secondary model, as in Disco Diffusion: then the U-Net runs without gradient, in a
fraction of the memory and time.

Or, wholly or in part, the gradient passes through no network at all. By Tweedie's formula the
derivative of the exact prediction is alpha / sigma**2 times the covariance of the clean image
given the noisy one (Boys et al. 2023, https://arxiv.org/abs/2310.06721). If the pixels of clean
images were white noise of variance 1, that covariance would be sigma**2, and the derivative alpha.
The prediction then moves by sigma**2 times the gradient of the guides' loss: guidance on the clean
image, He et al. 2023, "Manifold Preserving Guided Diffusion", https://arxiv.org/abs/2311.16424
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.gradients import pulled_back
from guided.diffusion.secondary import SecondaryModel, secondary_prediction
from guided.diffusion.windows import Windows
from guided.interfaces import Denoiser, Prediction
from guided.schedule import Schedule, schedule
from guided.timeline import Timeline


@dataclass
class TargetImage:
    """A prediction, and the image (B, 3, H, W) in [-1, 1] that guides evaluate."""

    prediction: Prediction
    image: Tensor | None  # None if no guide is evaluated
    x: Tensor
    slope: float  # d image / d x without a network
    share: float  # d image / d prediction
    rho: float  # weight of the gradient through the network; 0: there is no graph
    mu: float  # weight of the gradient without it

    def moved(self, shift: Tensor) -> Tensor:
        """Return the image of the prediction moved by minus `shift`, detached."""
        assert self.image is not None
        return self.image.detach() - self.share * shift

    def backward(self, grad: Tensor, further: Tensor | None = None) -> Tensor:
        """Return the gradient with respect to x, given that with respect to the image, and the
        sum of `further` ones for the way without the network alone."""
        if not self.rho:
            return self.straight(grad, further)
        assert self.image is not None
        through = self.rho * pulled_back(self.image, self.x, grad)
        return through + self.straight(grad, further) if self.mu else through

    def straight(self, grad: Tensor, further: Tensor | None = None) -> Tensor:
        """Return the part of the gradient that passes through no network."""
        return self.mu * self.slope * (grad if further is None else grad + further)


@dataclass
class GuidanceTarget:
    """How the guides' image is computed, and how gradients go back from it.

    `pred` is the predicted clean image; `blend` is sigma * pred + (1 - sigma) * x, which
    approaches x towards the end of a run, as in Disco Diffusion and DiscoArt."""

    sees: str = "pred"
    secondary: SecondaryModel | None = None
    when: Schedule | None = None  # the secondary model is used where it is >= 0.5; None: always
    rho: Schedule = schedule("rho", 1)  # of the way through the network that predicts the image
    mu: Schedule = schedule("mu", 0)  # of the way without it
    windows: Windows | None = None  # of the secondary model; None: the whole canvas at once

    def __call__(
        self, denoiser: Denoiser, x: Tensor, i: int, look: bool = True, back: bool = True
    ) -> TargetImage:
        """Return the target for x (B, 3, H, W) at position i.

        `look`: guides will evaluate the image; `back`: a gradient will go back from it. The image
        and the autograd graph are made only if needed."""
        timeline = denoiser.timeline
        progress = timeline.progress(i)
        rho = self.rho(progress) if back else 0.0
        graph = rho > 0
        x = x.detach().requires_grad_(graph)
        secondary = self.secondary if self.uses_secondary(progress) else None
        with torch.set_grad_enabled(graph and secondary is None):
            prediction = denoiser(x, i)
        image = None
        if look or graph:
            with torch.set_grad_enabled(graph):
                image = prediction.guided
                if secondary is not None:
                    image = secondary_prediction(secondary, x, timeline, i, self.windows)
                if self.sees == "blend":
                    _, sigma = timeline.scales(i)
                    image = sigma * image + (1 - sigma) * x
        share = timeline.scales(i)[1] if self.sees == "blend" else 1.0
        slope, mu = self._slope(timeline, i), self.mu(progress)
        return TargetImage(prediction, image, x, slope, share, rho, mu)

    @property
    def through_unet(self) -> bool:
        """Return whether a gradient ever goes back through the U-Net."""
        always = self.when is None or min(self.when.values) >= 0.5
        return self.rho.highest > 0 and (self.secondary is None or not always)

    def phase(self, progress: float) -> tuple[bool, bool]:
        """Return which networks predict and are differentiated at this progress."""
        return self.uses_secondary(progress), self.rho(progress) > 0

    def uses_secondary(self, progress: float) -> bool:
        """Return whether the secondary model predicts the guides' image at this progress."""
        on = self.when is None or self.when(progress) >= 0.5
        return self.secondary is not None and on

    def _slope(self, timeline: Timeline, i: int) -> float:
        """Return d image / d x, with d pred / d x = alpha."""
        alpha, sigma = timeline.scales(i)
        return sigma * alpha + 1 - sigma if self.sees == "blend" else alpha
