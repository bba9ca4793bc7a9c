"""Convolutions and enlargements of images whose opposite edges meet.

A network of these layers, with attention and normalisation over the whole image, commutes with a
circular shift of its input by its coarsest pixel: no place of the image is its edge.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Rings = tuple[bool, bool]  # whether the edges meet across and down


class Conv2d(nn.Conv2d):
    """A convolution with `padding`, by zeros or, along the axes in `rings`, by the other edge."""

    rings: Rings = (False, False)

    def forward(self, x: Tensor) -> Tensor:
        if not any(self.rings):
            return super().forward(x)
        assert not isinstance(self.padding, str)
        down, across = self.padding
        x = padded(x, down, across, self.rings)
        return F.conv2d(x, self.weight, self.bias, self.stride)


class Upsample(nn.Module):
    """Twice the size, by bilinear interpolation."""

    rings: Rings = (False, False)

    def forward(self, x: Tensor) -> Tensor:
        across, down = map(int, self.rings)
        x = F.pad(x, (across, across, down, down), "circular") if any(self.rings) else x
        x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        height, width = x.shape[2:]
        return x[:, :, 2 * down : height - 2 * down, 2 * across : width - 2 * across]


def padded(x: Tensor, down: int, across: int, rings: Rings) -> Tensor:
    """Return x (B, C, H, W) with so many more rows and columns at each edge: those of the opposite
    edge along the axes in `rings`, zeros along others."""
    around = (across, across, 0, 0), (0, 0, down, down)
    for pad, ring in zip(around, rings, strict=True):
        x = F.pad(x, pad, "circular" if ring else "constant") if any(pad) else x
    return x


def set_rings(network: nn.Module, rings: Rings) -> None:
    """Let the edges of the network's images meet along the axes in `rings`, and nowhere else."""
    if getattr(network, "rings", None) == rings:
        return
    network.rings = rings  # type: ignore[assignment]
    for layer in network.modules():
        if isinstance(layer, Conv2d | Upsample):
            layer.rings = rings


def random_offset(seed: int, size: tuple[int, int], axes: tuple[bool, bool]) -> tuple[int, int]:
    """Return by how many pixels (down, across) an image of `size` (height, width) is rolled, at
    random along the given axes (down, across)."""
    height, width = size
    return seed % height * axes[0], seed // height % width * axes[1]


def rolled(image: Tensor, offsets: Sequence[tuple[int, int]]) -> Tensor:
    """Return each image of (B, C, H, W) moved circularly by its offset (down, across)."""
    if not any(map(any, offsets)):
        return image
    return torch.stack([one.roll(by, (1, 2)) for one, by in zip(image, offsets, strict=True)])
