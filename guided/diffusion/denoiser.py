"""The denoiser of a network: noisy image in, predicted clean image out.

The parametrisation of the network (noise, image or v) is a property of its model card; the rest
of the program sees only the predicted clean image.

v: Salimans and Ho, "Progressive Distillation", 2022, https://arxiv.org/abs/2202.00512
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from guided.diffusion.parametrisation import clean, flow
from guided.diffusion.windows import Windows
from guided.interfaces import Prediction
from guided.rng import RandomStreams
from guided.timeline import Timeline


class Classes(Protocol):
    """The part of a network's configuration that the denoiser needs."""

    @property
    def num_classes(self) -> int:
        """Return the number of classes, of which it needs one; 0: it needs none."""
        ...


class Network(Protocol):
    """A frozen network described by a model card."""

    @property
    def config(self) -> Classes: ...

    def __call__(self, x: Tensor, t: Tensor, y: Tensor | None) -> Tensor:
        """Return (B, 3 or 6, H, W) for x (B, 3, H, W), times t (B,) and classes y (B,) or None."""
        ...


@dataclass
class ModelDenoiser:
    """A frozen network on one timeline; differentiable in x where gradients are enabled.

    One that was trained by flow matching takes its samples and times, at the same ratio of image
    and noise."""

    model: Network
    timeline: Timeline
    prediction: str = "eps"
    clip_denoised: bool = False  # clamp every prediction to [-1, 1]
    rng: RandomStreams | None = None  # draws the class labels of a class-conditional network
    windows: Windows | None = None  # that the network is applied to; None: the whole canvas
    noise: float | None = None  # of flow matching; None: the network takes x and timesteps

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x (B, 3, H, W) at position i of the timeline."""
        time, z = self.timeline.times[i], x
        if self.noise is not None:
            time, factor = flow(*self.timeline.scales(i), self.noise)
            z = factor * x
        t = torch.full((len(x),), time, device=x.device)
        inputs = z, t, self._labels(x)
        out = self.windows.apply(self.model, *inputs) if self.windows else self.model(*inputs)
        out = out.to(x.dtype)
        out, variance = out.split(3, dim=1) if out.shape[1] == 6 else (out, None)
        image = clean(self.prediction, x, out, *self.timeline.scales(i))
        if self.clip_denoised:
            image = image.clamp(-1, 1)
        return Prediction(image, image, variance)

    def _labels(self, x: Tensor) -> Tensor | None:
        """Return a random class (B,) for each image and step, as Disco's `randomize_class` does;
        None if the network has no classes. x may have several parts of each image, one after the
        other, of the same class."""
        classes = self.model.config.num_classes
        if not classes:
            return None
        seeds = self.rng.seeds() if self.rng else [0] * len(x)
        seeds = seeds * (len(x) // len(seeds))
        return torch.tensor([seed % classes for seed in seeds], device=x.device)
