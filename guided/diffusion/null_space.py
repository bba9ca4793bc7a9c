"""Linear constraints on the predicted image, met by correcting it in every step.

A picture is known in part: y = A image, as its grey values or its averages over blocks of pixels.
The prediction is replaced by the nearest image that agrees,

    image + A+ (y - A image),

where A+ is the pseudo-inverse of A: only the part that y determines changes, and what A does not
see is the model's. Wang et al. 2022, "Zero-Shot Image Restoration Using Denoising Diffusion
Null-Space Model" (DDNM), https://arxiv.org/abs/2212.00490

With a low-pass filter as A, up to some progress of the run, the picture keeps the composition of
another, as by Choi et al. 2021, "ILVR", https://arxiv.org/abs/2108.02938. They replace the low
frequencies of the noisy image; here those of the prediction are, so that the noise and the history
of multistep samplers stay as they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Protocol

import torch
from torch import Tensor

from guided.interfaces import Constraint, Denoiser, Prediction
from guided.timeline import Timeline

ROUNDS = 200  # of clipping and correcting at most


class Operator(Protocol):
    """A linear map A of images (B, 3, H, W), and its pseudo-inverse."""

    def measure(self, image: Tensor) -> Tensor:
        """Return A image."""
        ...

    def spread(self, value: Tensor) -> Tensor:
        """Return A+ value."""
        ...


class Grey:
    """The mean of the three channels: (B, 3, H, W) -> (B, 1, H, W)."""

    def measure(self, image: Tensor) -> Tensor:
        return image.mean(1, keepdim=True)

    def spread(self, value: Tensor) -> Tensor:
        return value.expand(-1, 3, -1, -1)


class Smaller:
    """Antialiased bilinear reduction to a smaller size: (B, 3, H, W) -> (B, 3, h, w)."""

    def __init__(self, size: tuple[int, int], to: tuple[int, int]) -> None:
        """Prepare the reduction of images of `size` (width, height) `to` another."""
        across, down = (inverted(*sides) for sides in zip(size, to, strict=True))
        self.matrices, self.inverses = zip(down, across, strict=True)

    def measure(self, image: Tensor) -> Tensor:
        return separable(self.matrices, image)

    def spread(self, value: Tensor) -> Tensor:
        return separable(self.inverses, value)


@lru_cache(maxsize=8)  # every batch of a run asks for the same
def inverted(before: int, after: int) -> tuple[Tensor, Tensor]:
    """Return the matrix of `reduction` and its pseudo-inverse."""
    matrix = reduction(before, after)
    return matrix, torch.linalg.pinv(matrix)


def reduction(before: int, after: int) -> Tensor:
    """Return the matrix (after, before), float64, that reduces a line of pixels with a triangular
    kernel as wide as two pixels of the result. Its rows sum to 1."""
    scale = before / after
    centres = (torch.arange(after, dtype=torch.float64) + 0.5) * scale
    at = torch.arange(before, dtype=torch.float64) + 0.5
    weights = (1 - (at - centres[:, None]).abs() / scale).clamp(min=0)
    return weights / weights.sum(1, keepdim=True)


def separable(matrices: tuple[Tensor, Tensor], image: Tensor) -> Tensor:
    """Return the image with the first matrix applied to its columns, the second to its rows."""
    # The type first, because not every device has float64.
    down, across = (matrix.to(image.dtype).to(image.device) for matrix in matrices)
    return down @ image @ across.T


@dataclass
class Agrees:
    """The constraint operator.measure(image) = value, up to a progress (0..1) of the run."""

    operator: Operator
    value: Tensor  # in [-1, 1], of one image or of each
    until: float = 1.0

    def __call__(self, image: Tensor, progress: float) -> Tensor:
        """Return the nearest image (B, 3, H, W) in [-1, 1] that agrees."""
        if progress > self.until:
            return image
        value = self.value.to(image.dtype).to(image.device)
        return image + self.operator.spread(value - self.operator.measure(image))


def within(image: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return the finished image (B, 3, H, W) in [-1, 1] so that it agrees as it is saved, without
    values beyond that range: clipped and corrected by turns (Cheney and Goldstein 1959, "Proximity
    maps for convex sets", https://doi.org/10.1090/S0002-9939-1959-0105008-8)."""
    for _ in range(ROUNDS):
        clipped = image.clamp(-1, 1)
        if torch.equal(clipped, image):
            break
        image = clipped
        for constraint in constraints:
            image = constraint(image, 1.0)
    return image.clamp(-1, 1)


@dataclass
class ConstrainedDenoiser:
    """A denoiser whose predictions meet constraints."""

    denoiser: Denoiser
    constraints: Sequence[Constraint]

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x (B, 3, H, W) at position i, corrected."""
        prediction, progress = self.denoiser(x, i), self.timeline.progress(i)
        guided, unguided = prediction.guided, prediction.unguided
        same = guided is unguided  # a network's own prediction is corrected once
        for constraint in self.constraints:
            guided = constraint(guided, progress)
            unguided = guided if same else constraint(unguided, progress)
        return replace(prediction, guided=guided, unguided=unguided)


def constrained(denoiser: Denoiser, constraints: Sequence[Constraint]) -> Denoiser:
    """Return the denoiser under constraints, and without any the denoiser itself."""
    return ConstrainedDenoiser(denoiser, constraints) if constraints else denoiser
