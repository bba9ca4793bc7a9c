"""Bases of pictures: linear maps from coefficients to values (3, H, W), and back.

Fourier basis with decorrelated colours: Olah et al. 2017, "Feature Visualization",
https://distill.pub/2017/feature-visualization/
Pyramid of sizes: Fort and Whitaker 2025, "Direct Ascent Synthesis",
https://arxiv.org/abs/2502.07753
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

# Orthonormal axes of lightness, red against blue, and green against both, which are nearly the
# principal components of the colours of natural images (Ohta et al. 1980), and their amplitudes.
AXES = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 2.0, -1.0))
AMPLITUDES = (1.0, 0.28, 0.13)


class Basis(Protocol):
    """A linear map. With normally distributed coefficients the values' mean square is 1."""

    @property
    def count(self) -> int:
        """Return the number of coefficients."""
        ...

    def picture(self, coefficients: Tensor) -> Tensor:
        """Return the values (3, H, W) of `coefficients` (count,)."""
        ...

    def up_to(self, detail: float) -> Tensor:
        """Return (count,) booleans: which coefficients are no finer than `detail`, a share of the
        resolution. The coarsest are always among them, and all at 1."""
        ...

    def coefficients(self, picture: Tensor) -> Tensor:
        """Return coefficients (count,) whose picture is `picture` (3, H, W)."""
        ...


@dataclass(frozen=True)
class Colours:
    """The linear map between colours and decorrelated channels, both (3, H, W)."""

    amount: float  # multiple of the amplitudes of colours in natural images

    @cached_property
    def matrix(self) -> Tensor:
        """(3, 3), from channels to colours; its squares have a sum of 3."""
        axes = F.normalize(torch.tensor(AXES), dim=1)
        sizes = torch.tensor([1.0, *(max(self.amount, 1e-3) * a for a in AMPLITUDES[1:])])
        sizes *= math.sqrt(3) / sizes.norm()
        return (axes * sizes[:, None]).T

    def mixed(self, channels: Tensor) -> Tensor:
        """Return the colours of channels."""
        return torch.tensordot(self.matrix.to(channels), channels, 1)

    def separated(self, colours: Tensor) -> Tensor:
        """Return the channels of colours."""
        return torch.tensordot(torch.linalg.inv(self.matrix).to(colours), colours, 1)


@dataclass(frozen=True)
class Fourier:
    """Coefficients of cosines and sines, scaled by the wavelength to the power `decay`."""

    size: tuple[int, int]  # width, height
    decay: float
    colours: Colours

    @property
    def count(self) -> int:
        width, height = self.size
        return 3 * height * (width // 2 + 1) * 2

    @cached_property
    def frequencies(self) -> Tensor:
        """(H, W // 2 + 1), cycles a pixel."""
        width, height = self.size
        return torch.hypot(torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)[None])

    @cached_property
    def scale(self) -> Tensor:
        """(H, W // 2 + 1), amplitudes."""
        width, height = self.size
        scale = self.frequencies.clamp(min=1 / max(width, height)) ** -self.decay
        # Of columns that stand for themselves alone, only the real part of the rows counts; others
        # stand for two.
        alone = torch.fft.rfftfreq(width) % 0.5 == 0
        energy = torch.where(alone, 1.0, 4.0) * scale.square()
        return scale / (energy.sum() / (width * height)).sqrt()

    def picture(self, coefficients: Tensor) -> Tensor:
        width, height = self.size
        spectrum = torch.view_as_complex(coefficients.view(3, height, width // 2 + 1, 2))
        scaled = spectrum * self.scale.to(coefficients)
        return self.colours.mixed(torch.fft.irfft2(scaled, s=(height, width), norm="ortho"))

    def up_to(self, detail: float) -> Tensor:
        finest = 1.0 if detail >= 1 else max(detail / 2, 1 / max(self.size))
        return (self.frequencies <= finest)[None, ..., None].expand(3, -1, -1, 2).flatten()

    def coefficients(self, picture: Tensor) -> Tensor:
        spectrum = torch.fft.rfft2(self.colours.separated(picture), norm="ortho")
        return torch.view_as_real(spectrum / self.scale.to(picture)).flatten()


@dataclass(frozen=True)
class Pyramid:
    """Pictures of several sizes, each enlarged to the full one, and their sum."""

    size: tuple[int, int]  # width, height
    decay: float
    colours: Colours

    @cached_property
    def levels(self) -> list[tuple[int, int]]:
        """(height, width) of each picture, from small to large, by a factor of about sqrt(2)."""
        width, height = self.size
        steps = math.ceil(2 * math.log2(max(width, height)))
        shares = [2 ** (-k / 2) for k in range(steps, -1, -1)]
        sides = ((max(1, round(height * s)), max(1, round(width * s))) for s in shares)
        return list(dict.fromkeys(sides))

    @cached_property
    def scale(self) -> list[float]:
        """Amplitude of each level. One power less than in a Fourier basis: a level holds all
        wavelengths above its own."""
        shares = [math.hypot(*self.size) / math.hypot(*level) for level in self.levels]
        scale = [share ** max(self.decay - 1, 0.0) for share in shares]
        total = math.sqrt(sum(s * s for s in scale))
        return [s / total for s in scale]

    @property
    def count(self) -> int:
        return sum(3 * height * width for height, width in self.levels)

    def picture(self, coefficients: Tensor) -> Tensor:
        width, height = self.size
        total = coefficients.new_zeros(1, 3, height, width)
        parts = coefficients.split([3 * h * w for h, w in self.levels])
        for (h, w), part, scale in zip(self.levels, parts, self.scale, strict=True):
            total = total + scale * enlarged(part.view(1, 3, h, w), (height, width))
        return self.colours.mixed(total[0])

    def up_to(self, detail: float) -> Tensor:
        finest = max(detail * max(self.size), max(self.levels[0]))
        return torch.cat([torch.full((3 * h * w,), max(h, w) <= finest) for h, w in self.levels])

    def coefficients(self, picture: Tensor) -> Tensor:
        rest, parts = self.colours.separated(picture)[None], []
        for level, scale in zip(self.levels, self.scale, strict=True):
            part = F.interpolate(rest, level, mode="area") if level != rest.shape[2:] else rest
            rest = rest - enlarged(part, tuple(rest.shape[2:]))
            parts.append(part.flatten() / scale)
        return torch.cat(parts)


def enlarged(picture: Tensor, size: tuple[int, ...]) -> Tensor:
    """Return (1, 3, h, w) as (1, 3, *size)."""
    if tuple(picture.shape[2:]) == tuple(size):
        return picture
    return F.interpolate(picture, size, mode="bilinear", align_corners=False)


def basis(name: str, size: tuple[int, int], decay: float, colours: float) -> Basis:
    """Return the basis `name` ("fourier" or "pyramid") of pictures of `size` (width, height)."""
    kinds: dict[str, type[Fourier] | type[Pyramid]] = {"fourier": Fourier, "pyramid": Pyramid}
    return kinds[name](size, decay, Colours(colours))
