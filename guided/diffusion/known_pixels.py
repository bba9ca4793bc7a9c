"""Known pixels: the part of a picture that a mask keeps, while the rest is drawn.

The denoiser sees the known pixels under the noise of each step, always the same noise, and its
prediction of them is replaced by their values. A deterministic sampler then carries them along
the straight path from that noise, and what multistep samplers remember is right for them too, so
that no sampler knows of masks. Guides see the known pixels as they are and do not change them.

Replacing known pixels at each noise level: Song et al. 2020, https://arxiv.org/abs/2011.13456
(section I.2), and with a mask and CLIP: Avrahami, Lischinski and Fried 2022, "Blended Diffusion",
https://arxiv.org/abs/2111.14818. Replacing them in the prediction: Wang, Yu and Zhang 2022,
"DDNM", https://arxiv.org/abs/2212.00490. Grey masks: Levin and Fried 2023, "Differential
Diffusion", https://arxiv.org/abs/2306.00950
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from guided.diffusion.parametrisation import noised
from guided.interfaces import Denoiser, Guide, GuideGradient, Prediction, Request, Step
from guided.rng import RandomStreams
from guided.timeline import Timeline


@dataclass(frozen=True)
class KnownPixels:
    """An image (1 or B, 3, H, W) in [-1, 1], and a mask (1, 1, H, W) in [0, 1]: pixels are drawn
    anew while the share of the run that is left is at most the mask."""

    image: Tensor
    mask: Tensor
    begin: float = 0.0  # progress (0..1) of the first step that is taken

    @classmethod
    def of(cls, request: Request, device: torch.device, begin: float) -> KnownPixels | None:
        """Return the known pixels of a request; None if it has no mask."""
        if request.mask is None:
            return None
        assert request.init is not None
        return cls(request.init.to(device), request.mask.to(device), begin)

    def drawn(self, progress: float) -> Tensor:
        """Return where pixels are drawn at this progress, as booleans (1, 1, H, W)."""
        left = (1 - progress) / (1 - self.begin)
        return self.mask >= min(left, 1.0)

    def kept(self, image: Tensor, progress: float) -> Tensor:
        """Return the image (B, 3, H, W) in [-1, 1] with the known pixels as they are."""
        return torch.where(self.drawn(progress), image, self.image.to(image))

    def guides(self, guides: Mapping[str, Guide]) -> dict[str, Guide]:
        """Return guides that see the known pixels as they are and do not change them."""
        return {name: MaskedGuide(guide, self) for name, guide in guides.items()}

    def kept_in(self, step: Step) -> Step:
        """Return a step whose prediction has the known pixels as they are, although x was made
        symmetric."""
        progress = step.prediction.progress
        return replace(step, prediction=self.replaced(step.prediction, progress))

    def replaced(self, prediction: Prediction, progress: float) -> Prediction:
        """Return the prediction with the known pixels as they are."""
        seen = prediction.seen
        return replace(
            prediction,
            guided=self.kept(prediction.guided, progress),
            unguided=self.kept(prediction.unguided, progress),
            seen=None if seen is None else (self.kept(2 * seen - 1, progress) + 1) / 2,
        )


@dataclass
class MaskedDenoiser:
    """A denoiser that knows some pixels of the image."""

    denoiser: Denoiser
    known: KnownPixels
    noise: Tensor  # (B, 3, H, W), of the known pixels at every step

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x (B, 3, H, W) at position i, with x and the prediction
        replaced where pixels are known."""
        progress = self.timeline.progress(i)
        known = noised(self.known.image.to(x), self.noise.to(x), *self.timeline.scales(i))
        x = torch.where(self.known.drawn(progress), x, known)
        return self.known.replaced(self.denoiser(x, i), progress)


@dataclass
class MaskedGuide:
    """A guide that sees the known pixels as they are and does not change them."""

    guide: Guide
    known: KnownPixels

    def is_active(self, progress: float) -> bool:
        """Return whether the guide is active at `progress`."""
        return self.guide.is_active(progress)

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """Return the loss and the gradient of images (B, 3, H, W) in [0, 1]."""
        gradient = self.guide((self.known.kept(2 * image - 1, progress) + 1) / 2, progress, rng)
        drawn = self.known.drawn(progress)
        return replace(gradient, grad=torch.where(drawn, gradient.grad, torch.zeros_like(image)))
