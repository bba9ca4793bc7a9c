"""The denoiser of latents under classifier-free guidance, and the pictures that guides see of it.

Ho and Salimans 2022, "Classifier-Free Diffusion Guidance", https://arxiv.org/abs/2207.12598
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.gradients import pulled_back
from guided.diffusion.guidance_target import GuidanceTarget, TargetImage
from guided.diffusion.parametrisation import clean
from guided.generators.latent.network import LatentNetworks
from guided.generators.latent.text import EncodedTexts
from guided.interfaces import Denoiser, Prediction
from guided.schedule import Schedule
from guided.timeline import Timeline

Decode = Callable[[Tensor], Tensor]  # latents (B, 4, h, w) -> pictures (B, 3, H, W) in [-1, 1]


@dataclass
class LatentDenoiser:
    """Predicts clean latents (B, 4, h, w) from noisy ones and the texts of each image."""

    networks: LatentNetworks
    timeline: Timeline
    prediction: str  # parametrisation of the U-Net: eps, v or x0
    texts: Sequence[EncodedTexts]
    cfg: Schedule

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x at position i; differentiable in x."""
        progress = self.timeline.progress(i)
        # Image by image: the last bits of one must not depend on its neighbours.
        each = zip(x.split(1), self.texts, strict=True)
        out = torch.cat([self._output(one, i, *texts.mixed(progress)) for one, texts in each])
        latents = clean(self.prediction, x, out, *self.timeline.scales(i))
        return Prediction(latents, latents)

    def _output(self, x: Tensor, i: int, base: Tensor, aim: Tensor) -> Tensor:
        """Return the U-Net's output for x (1, 4, h, w), led from one text to the other."""
        time, cfg = self.timeline.times[i], self.cfg(self.timeline.progress(i))
        if cfg == 1:
            return self.networks.predict(x, time, aim)
        both = self.networks.predict(x.expand(2, -1, -1, -1), time, torch.cat([base, aim]))
        away, near = both.split(1)
        return away + cfg * (near - away)


@dataclass
class DecodedImage(TargetImage):
    """A prediction of latents, and its picture; without the U-Net, the gradient goes back to the
    predicted latents."""

    guess: Tensor | None = None  # the predicted latents that the picture was decoded from

    def straight(self, grad: Tensor, further: Tensor | None = None) -> Tensor:
        """Return the part of the gradient that passes through the decoder, and not through the
        U-Net."""
        assert self.image is not None and self.guess is not None
        return self.mu * self.slope * pulled_back(self.image, self.guess, grad)


@dataclass
class LatentTarget(GuidanceTarget):
    """How pictures are decoded for the guides, and how gradients go back from them: to the
    predicted latents (mu), or also through the U-Net that predicted them (rho)."""

    decode: Decode = lambda latents: latents

    def __call__(
        self, denoiser: Denoiser, x: Tensor, i: int, look: bool = True, back: bool = True
    ) -> TargetImage:
        """Return the target for x (B, 4, h, w) at position i, as GuidanceTarget does."""
        timeline = denoiser.timeline
        progress = timeline.progress(i)
        rho, mu = (self.rho(progress), self.mu(progress)) if back else (0.0, 0.0)
        x = x.detach().requires_grad_(rho > 0)
        with torch.set_grad_enabled(rho > 0):
            prediction = denoiser(x, i)
        image, guess = None, None
        if look or back:
            with torch.set_grad_enabled(back):
                guess = prediction.guided
                guess = guess if rho else guess.detach().requires_grad_(back)
                image = torch.cat([self.decode(one) for one in guess.split(1)])
        return DecodedImage(prediction, image, x, timeline.scales(i)[0], 1.0, rho, mu, guess=guess)
