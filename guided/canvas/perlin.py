"""Fractal noise for pictures to start from: clouds of all sizes at once.

Perlin, "An Image Synthesizer", 1985, https://doi.org/10.1145/325165.325247, with gradients drawn
from a normal distribution and octaves that fade by 1.5, as in Disco Diffusion.
"""

import hashlib
import math

import torch
from torch import Tensor

FADE = 1.5  # each octave is so much weaker than the one before, which is twice as coarse
LAYERS = ((1, 12), (4, 8))  # cells across the short side, and octaves, of the two that are mixed


def clouds(size: tuple[int, int], colours: str, seed: int) -> Tensor:
    """(width, height) -> (1, 3, H, W) in [0, 1]. `color`: each channel has its own clouds; `gray`:
    all share them; `mixed`: coarse ones in colour, fine ones in gray."""
    # Not the stream of the noise that is added later, which would begin with the same numbers.
    digest = hashlib.sha256(f"perlin {seed}".encode()).digest()
    rng = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    channels = {"color": (3, 3), "gray": (1, 1), "mixed": (3, 1)}[colours]
    layers = [
        stretched(fractal(size, cells, octaves, count, rng)).expand(3, -1, -1)
        for (cells, octaves), count in zip(LAYERS, channels, strict=True)
    ]
    return torch.stack(layers).mean(0)[None]


def fractal(
    size: tuple[int, int], cells: int, octaves: int, channels: int, rng: torch.Generator
) -> Tensor:
    """(channels, H, W): octaves of noise, none finer than two pixels a cell."""
    total = torch.zeros(channels, size[1], size[0])
    for octave in range(octaves):
        if octave and cells * 2**octave > min(size) / 2:
            break
        total += FADE**-octave * gradient_noise(size, cells * 2**octave, channels, rng)
    return total


def gradient_noise(
    size: tuple[int, int], cells: int, channels: int, rng: torch.Generator
) -> Tensor:
    """(channels, H, W): square cells, so many across the short side. Each corner has a random
    slope; between the corners the slopes are blended smoothly. Blending is separable, so it is
    done by matrix products."""
    side = min(size) / cells
    (columns, right), (rows, below) = (blending(length, side) for length in size)
    corners = (channels, rows.shape[1], columns.shape[1])
    across, down = torch.randn(2, *corners, generator=rng)
    return rows @ across @ right.T + below @ down @ columns.T


def blending(length: int, side: float) -> tuple[Tensor, Tensor]:
    """For each pixel of a line and each corner of cells that are `side` long: the corner's weight,
    and the weight times the distance from there. Both (length, corners)."""
    at = (torch.arange(length) + 0.5) / side
    corners = torch.arange(math.ceil(length / side) + 1)
    distance = at[:, None] - corners
    weight = 1 - smooth(distance.abs().clamp(max=1))
    return weight, weight * distance


def smooth(t: Tensor) -> Tensor:
    """From 0 to 1, level at both ends."""
    return 3 * t**2 - 2 * t**3


def stretched(image: Tensor) -> Tensor:
    """Each channel to the whole of [0, 1]."""
    low, high = image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)
    return (image - low) / (high - low).clamp(min=1e-6)
