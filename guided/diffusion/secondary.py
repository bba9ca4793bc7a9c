"""The secondary model: a small network whose prediction of the clean image replaces the U-Net's
for the guides, so that guidance needs no backward pass through the U-Net.

The architecture and the state-dict keys are those of
Katherine Crowson's SecondaryDiffusionImageNet2 (2021), so that its checkpoint loads with
`strict=True`: convolutions at six sizes with a skip at each, and the time as 16 more channels.
Its output is v: Salimans and Ho 2022, https://arxiv.org/abs/2202.00512
"""

import math

import torch
from torch import Tensor, nn

from guided.diffusion.circular import Conv2d, Upsample
from guided.diffusion.parametrisation import clean
from guided.diffusion.windows import Windows
from guided.timeline import Timeline

WIDTHS = (64, 128, 128, 256, 256, 512)  # channels, from the finest size to the coarsest
TIME_CHANNELS = 16


class SecondaryModel(nn.Module):
    """A small U-Net: noisy images (B, 3, H, W), times (B,) in 0 (image) .. 1 (noise) -> v."""

    def __init__(self) -> None:
        super().__init__()
        first = WIDTHS[0]
        self.timestep_embed = FourierFeatures(TIME_CHANNELS)
        self.net = nn.Sequential(
            ConvBlock(3 + TIME_CHANNELS, first),
            ConvBlock(first, first),
            coarser(1),
            ConvBlock(2 * first, first),
            Conv2d(first, 3, 3, padding=1),
        )

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return v (B, 3, H, W). H and W are multiples of 32; t = 2 / pi * atan2(sigma, alpha)."""
        planes = self.timestep_embed(t[:, None])[:, :, None, None]
        return self.net(torch.cat([x, planes.expand(-1, -1, *x.shape[2:])], dim=1))


def coarser(level: int) -> "SkipBlock":
    """Return the layers from half the size down and back up, with a skip connection."""
    above, here = WIDTHS[level - 1], WIDTHS[level]
    if level == len(WIDTHS) - 1:
        inside: list[nn.Module] = [ConvBlock(here, here), ConvBlock(here, here)]
    else:
        inside = [ConvBlock(here, here), coarser(level + 1), ConvBlock(2 * here, here)]
    return SkipBlock(
        nn.AvgPool2d(2),
        ConvBlock(above, here),
        *inside,
        ConvBlock(here, above),
        Upsample(),
    )


class ConvBlock(nn.Sequential):
    """A 3x3 convolution with ReLU."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(Conv2d(before, after, 3, padding=1), nn.ReLU())


class SkipBlock(nn.Module):
    """Layers whose output is concatenated with their input."""

    def __init__(self, *main: nn.Module) -> None:
        super().__init__()
        self.main = nn.Sequential(*main)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.main(x), x], dim=1)


class FourierFeatures(nn.Module):
    """Cosines and sines at random, fixed frequencies: (B, 1) -> (B, channels)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(channels // 2, 1))

    def forward(self, t: Tensor) -> Tensor:
        angles = 2 * math.pi * t @ self.weight.T
        return torch.cat([angles.cos(), angles.sin()], dim=-1)


def secondary_prediction(
    model: SecondaryModel, x: Tensor, timeline: Timeline, i: int, windows: Windows | None = None
) -> Tensor:
    """Return the clean image (B, 3, H, W) predicted by the secondary model, in windows if the
    canvas has any; differentiable in x."""
    alpha, sigma = timeline.scales(i)
    dtype = model.timestep_embed.weight.dtype
    t = torch.full((len(x),), math.atan2(sigma, alpha) * 2 / math.pi, device=x.device)
    inputs = x.to(dtype), t.to(dtype)
    v = model(*inputs) if windows is None else windows.apply(model, *inputs, again=True)
    return clean("v", x, v.to(x.dtype), alpha, sigma)
