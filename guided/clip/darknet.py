"""timm's CSPDarknet of small size with a focus stem (cs3darknet_focus_s) as an image tower of
open_clip's, with timm's names of weights.

For the judge that comes with the embedded CLIPs, so that nothing need import timm.

Wang et al., "CSPNet: A New Backbone that can Enhance Learning Capability of CNN", 2019,
https://arxiv.org/abs/1911.11929
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

STEM = 32  # channels
STAGES = ((64, 1), (128, 3), (256, 4), (512, 1))  # channels and blocks


class DarknetTower(nn.Module):
    """CSPDarknet with a linear projection, as TimmModel of open_clip builds it."""

    def __init__(self, image_size: int, width: int) -> None:
        super().__init__()
        self.image_size = image_size, image_size
        stem = nn.Sequential(OrderedDict(conv1=convolution(3, STEM, 6, 2, 2)))
        stages, before = nn.Sequential(), STEM
        for number, (channels, depth) in enumerate(STAGES):
            stages.add_module(str(number), CrossStage(before, channels, depth))
            before = channels
        self.trunk = nn.Sequential(OrderedDict(stem=stem, stages=stages))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(OrderedDict(proj=nn.Linear(before, width, bias=False)))

    def forward(self, views: Tensor) -> Tensor:
        """Return (N, width), not normalised, of normalised views (N, 3, H, W)."""
        return self.head(self.pool(self.trunk(views)).flatten(1))


class CrossStage(nn.Module):
    """A stage, which halves the sides; half of its channels pass its residual blocks by."""

    def __init__(self, before: int, channels: int, depth: int) -> None:
        super().__init__()
        half = channels // 2
        self.conv_down = convolution(before, before, 3, 2, 1)
        self.conv_exp = convolution(before, channels, 1)
        self.blocks = nn.Sequential(*(Residual(half) for _ in range(depth)))
        self.conv_transition = convolution(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels, H / 2, W / 2) of (N, before, H, W)."""
        first, second = self.conv_exp(self.conv_down(x)).chunk(2, 1)
        return self.conv_transition(torch.cat([self.blocks(first), second], 1))


class Residual(nn.Module):
    """A residual block."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = convolution(channels, channels, 1)
        self.conv2 = convolution(channels, channels, 3, 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels, H, W) of the same."""
        return self.conv2(self.conv1(x)) + x


def convolution(
    before: int, channels: int, side: int, stride: int = 1, padding: int = 0
) -> nn.Sequential:
    """Return a convolution with a batch norm and a SiLU."""
    conv = nn.Conv2d(before, channels, side, stride, padding, bias=False)
    norm = nn.BatchNorm2d(channels)
    return nn.Sequential(OrderedDict(conv=conv, bn=norm, act=nn.SiLU(inplace=True)))
