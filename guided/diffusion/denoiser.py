"""A network and a timeline make a denoiser: noisy image in, guessed clean image out.

Knows nothing about guidance or samplers. What the network was trained to say (the noise, the
image, or v) is a property of its model card and ends here.

v: Salimans and Ho, "Progressive Distillation", 2022, https://arxiv.org/abs/2202.00512
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from guided.diffusion.parametrisation import clean
from guided.diffusion.unet_config import UNetConfig
from guided.interfaces import Prediction
from guided.rng import RandomStreams
from guided.timeline import Timeline


class Network(Protocol):
    """A frozen network that a model card describes."""

    config: UNetConfig

    def __call__(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Return (B, 3 or 6, H, W) for x (B, 3, H, W), times t (B,) and classes y (B,) or None."""
        ...


@dataclass
class ModelDenoiser:
    """The frozen U-Net at one timeline. Differentiable in x where gradients are enabled."""

    model: Network
    timeline: Timeline
    prediction: str = "eps"
    clip_denoised: bool = False  # clamp every guess to [-1, 1]
    rng: RandomStreams | None = None  # draws the class labels of a class-conditional network

    def __call__(self, x: Tensor, i: int) -> Prediction:
        t = torch.full((len(x),), self.timeline.times[i], device=x.device)
        out = self.model(x, t, self._labels(x)).to(x.dtype)
        out, spread = out.split(3, dim=1) if out.shape[1] == 6 else (out, None)
        pred = clean(self.prediction, x, out, *self.timeline.scales(i))
        if self.clip_denoised:
            pred = pred.clamp(-1, 1)
        return Prediction(pred, pred, spread)

    def _labels(self, x: Tensor) -> Tensor | None:
        """A class at random for each image and step, as in Disco's `randomize_class`: the prompt,
        not the class, says what to draw."""
        classes = self.model.config.num_classes
        if not classes:
            return None
        seeds = self.rng.seeds() if self.rng else [0] * len(x)
        return torch.tensor([seed % classes for seed in seeds], device=x.device)
