"""Perlin noise for init pictures: the sum of octaves of gradient noise.

Perlin, "An Image Synthesizer", 1985, https://doi.org/10.1145/325165.325247; as in Disco Diffusion
with normally distributed gradients and an amplitude that falls by 1.5 per octave.
"""

import hashlib
import math

import torch
from torch import Tensor

FADE = 1.5  # ratio of the amplitudes of an octave and the next, which is twice as fine
# Colours of the fields of natural noise: lightness, red against blue, green against both. They are
# nearly the principal components of the colours of natural images, and as large as these (Ohta et
# al. 1980, https://doi.org/10.1016/0146-664X(80)90047-7).
NATURAL = ((1.0, 1.0, 1.0), (0.34, 0.0, -0.34), (-0.09, 0.18, -0.09))
LAYERS = ((1, 12), (4, 8))  # (cells along the short side, octaves) of the two mixed fractals


Rings = tuple[bool, bool]  # whether opposite edges meet (across, down)


def clouds(
    size: tuple[int, int], colours: str, seed: int, rings: Rings = (False, False)
) -> Tensor:
    """Return noise (1, 3, H, W) in [0, 1] of size (width, height).

    `color`: independent channels; `gray`: equal channels; `mixed`: the coarse fractal in colour,
    the fine one in grey; `natural`: channels as correlated as in photographs, whose lightness
    varies more than their colours."""
    # Not the diffusion noise's stream, which would begin with the same numbers.
    digest = hashlib.sha256(f"perlin {seed}".encode()).digest()
    rng = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
    channels = {"color": (3, 3), "gray": (1, 1), "mixed": (3, 1), "natural": (3, 3)}[colours]
    layers = [
        stretched(fractal(size, cells, octaves, count, rng, rings)).expand(3, -1, -1)
        for (cells, octaves), count in zip(LAYERS, channels, strict=True)
    ]
    image = torch.stack(layers).mean(0)
    if colours == "natural":
        image = torch.einsum("fhw,fc->chw", image - 0.5, torch.tensor(NATURAL)) + 0.5
        image = image.clamp(0, 1)
    return image[None]


def fractal(
    size: tuple[int, int],
    cells: int,
    octaves: int,
    channels: int,
    rng: torch.Generator,
    rings: Rings,
) -> Tensor:
    """Return the sum (channels, H, W) of octaves, none finer than two pixels per cell."""
    total = torch.zeros(channels, size[1], size[0])
    for octave in range(octaves):
        if octave and cells * 2**octave > min(size) / 2:
            break
        total += FADE**-octave * gradient_noise(size, cells * 2**octave, channels, rng, rings)
    return total


def gradient_noise(
    size: tuple[int, int],
    cells: int,
    channels: int,
    rng: torch.Generator,
    rings: Rings = (False, False),
) -> Tensor:
    """Return gradient noise (channels, H, W) with `cells` square cells along the short side; a
    whole number of nearly square ones along the axes in `rings`.

    Each corner of a cell has a random gradient; a pixel is the smooth interpolation of the four
    corners' gradients times its distances from them. It is separable: two matrix products."""
    side = min(size) / cells
    (columns, right), (rows, below) = (
        blending(length, side, ring) for length, ring in zip(size, rings, strict=True)
    )
    corners = (channels, rows.shape[1], columns.shape[1])
    across, down = torch.randn(2, *corners, generator=rng)
    return rows @ across @ right.T + below @ down @ columns.T


def blending(length: int, side: float, ring: bool = False) -> tuple[Tensor, Tensor]:
    """Return two matrices (length, corners) for the pixels of a line of cells `side` long: the
    weight of each corner, and the weight times the distance from it in cells. On a `ring` the last
    cell ends at the first corner."""
    if ring:
        count = max(1, round(length / side))
        weight, shift = blending(length, length / count)
        weight[:, 0] += weight[:, count]
        shift[:, 0] += shift[:, count]
        return weight[:, :count], shift[:, :count]
    at = (torch.arange(length) + 0.5) / side
    corners = torch.arange(math.ceil(length / side) + 1)
    distance = at[:, None] - corners
    weight = 1 - smooth(distance.abs().clamp(max=1))
    return weight, weight * distance


def smooth(t: Tensor) -> Tensor:
    """Return 3 t^2 - 2 t^3, which rises from 0 to 1 with derivative 0 at both ends."""
    return 3 * t**2 - 2 * t**3


def stretched(image: Tensor) -> Tensor:
    """Return (C, H, W) with each channel scaled to [0, 1]."""
    low, high = image.amin((1, 2), keepdim=True), image.amax((1, 2), keepdim=True)
    return (image - low) / (high - low).clamp(min=1e-6)
