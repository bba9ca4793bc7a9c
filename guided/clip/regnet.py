"""timm's RegNetX-200MF as an image tower of open_clip's, with timm's names of weights.

For the embedded CLIP, so that its start need not import timm.

Radosavovic et al., "Designing Network Design Spaces", 2020, https://arxiv.org/abs/2003.13678
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

STAGES = ((24, 1), (56, 1), (152, 4), (368, 7))  # channels and blocks
STEM, GROUP = 32, 8  # channels of the stem and of a group in convolutions


class RegNetTower(nn.Module):
    """RegNetX-200MF with a linear projection, as TimmModel of open_clip builds it."""

    def __init__(self, image_size: int, width: int) -> None:
        super().__init__()
        self.image_size = image_size, image_size
        self.trunk = nn.Sequential(OrderedDict(stem=convolution(3, STEM, 3, 2)))
        before = STEM
        for number, (channels, depth) in enumerate(STAGES, 1):
            blocks = [Bottleneck(before if k == 0 else channels, channels) for k in range(depth)]
            stage = nn.Sequential()
            for k, block in enumerate(blocks, 1):
                stage.add_module(f"b{k}", block)
            self.trunk.add_module(f"s{number}", stage)
            before = channels
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Sequential(OrderedDict(proj=nn.Linear(before, width, bias=False)))

    def forward(self, views: Tensor) -> Tensor:
        """Return (N, width), not normalised, of normalised views (N, 3, H, W)."""
        return self.head(self.pool(self.trunk(views)).flatten(1))


class Bottleneck(nn.Module):
    """A residual block, which halves the sides where it changes the number of channels."""

    def __init__(self, before: int, channels: int) -> None:
        super().__init__()
        stride = 1 if before == channels else 2
        self.conv1 = convolution(before, channels, 1)
        self.conv2 = convolution(channels, channels, 3, stride, channels // GROUP)
        self.conv3 = convolution(channels, channels, 1, active=False)
        self.act3 = nn.ReLU(inplace=True)
        self.downsample: nn.Module = nn.Identity()
        if before != channels:
            self.downsample = convolution(before, channels, 1, stride, active=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return (N, channels, H / stride, W / stride) of (N, before, H, W)."""
        return self.act3(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x))


def convolution(
    before: int, channels: int, side: int, stride: int = 1, groups: int = 1, active: bool = True
) -> nn.Sequential:
    """Return a convolution with a batch norm and, if `active`, a ReLU."""
    conv = nn.Conv2d(before, channels, side, stride, side // 2, groups=groups, bias=False)
    parts: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, bn=nn.BatchNorm2d(channels))
    if active:
        parts["act"] = nn.ReLU(inplace=True)
    return nn.Sequential(parts)
