"""A small network for 4-fold super-resolution: residual blocks on top of bilinear interpolation.

Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution" (EDSR), 2017,
https://arxiv.org/abs/1707.02921; pixel shuffle: Shi et al., 2016, https://arxiv.org/abs/1609.05158
"""

import torch.nn.functional as F
from torch import Tensor, nn


class Upscaler(nn.Module):
    """An EDSR of `blocks` residual blocks of `channels` channels."""

    def __init__(self, channels: int = 48, blocks: int = 5) -> None:
        super().__init__()
        self.head = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.ModuleList(Residual(channels) for _ in range(blocks))
        self.tail = nn.Conv2d(channels, 3 * 16, 3, padding=1)

    def forward(self, image: Tensor) -> Tensor:
        """Return (B, 3, 4H, 4W), not clamped, from (B, 3, H, W) in [0, 1]."""
        features = self.head(image)
        for block in self.body:
            features = block(features)
        base = F.interpolate(image, scale_factor=4, mode="bilinear", align_corners=False)
        return base + F.pixel_shuffle(self.tail(features), 4)


class Residual(nn.Module):
    """A residual block of two convolutions, without batch norm."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(x)))
