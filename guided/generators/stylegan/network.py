"""The generator network of StyleGAN2.

A latent z becomes a latent w by fully connected layers. From a constant of 4 x 4 pixels, blocks
double the size; the channels of each convolution are scaled by w, and divided by the size that
its outputs then have. Each block adds its colours to those of the block before.

Its state-dict keys are those of NVIDIA's networks in PyTorch, with architecture "skip".

Karras et al. 2020, "Analyzing and Improving the Image Quality of StyleGAN",
https://arxiv.org/abs/1912.04958
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from guided.generators.stylegan.config import StyleganConfig

EPSILON = 1e-8  # of the normalisations
SLOPE = 0.2  # of the activation below 0
GAIN = math.sqrt(2)  # of the activation
RATE = 0.01  # by which training slowed the mapping's weights down, which are stored larger
TAPS = (1, 3, 3, 1)  # of the filter that enlarges


class StyleGAN2(nn.Module):
    """A StyleGAN2: latents z (B, latent) -> latents w (B, width) -> pictures (B, 3, S, S), which
    were trained to lie in [-1, 1]."""

    def __init__(self, config: StyleganConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        self.mapping = Mapping(config)
        self.synthesis = nn.ModuleDict()
        before = 0
        for size, channels in zip(config.sizes, config.channels, strict=True):
            self.synthesis[f"b{size}"] = Block(before, channels, size, config.width)
            before = channels

    def forward(self, styles: Tensor) -> Tensor:
        """Return pictures (B, 3, S, S) of latents w (B, 1 or `config.styles`, width): one for all
        layers, or one for each."""
        styles = styles.expand(-1, self.config.styles, -1)
        x, image = None, None
        for k, block in enumerate(self.synthesis.values()):
            # A block's first convolution shares its style with the colours of the block before.
            own = styles[:, max(2 * k - 1, 0) : 2 * k + 2]
            if self.checkpointing and torch.is_grad_enabled():
                x, image = checkpoint(block, x, image, own, use_reentrant=False)
            else:
                x, image = block(x, image, own)
        assert image is not None
        return image


class Mapping(nn.Module):
    """Latents z (B, latent) -> latents w (B, width), whose mean is `w_avg`."""

    w_avg: Tensor

    def __init__(self, config: StyleganConfig) -> None:
        super().__init__()
        self.layers = config.layers
        for k in range(config.layers):
            wide = config.latent if k == 0 else config.width
            self.add_module(f"fc{k}", Dense(wide, config.width, RATE))
        self.register_buffer("w_avg", torch.zeros(config.width))

    def forward(self, z: Tensor) -> Tensor:
        x = z * (z.square().mean(1, keepdim=True) + EPSILON).rsqrt()
        for k in range(self.layers):
            x = activated(self.get_submodule(f"fc{k}")(x))
        return x


class Block(nn.Module):
    """The layers of one size: features (B, C, S / 2, S / 2) and their picture -> those of S."""

    def __init__(self, before: int, channels: int, size: int, width: int) -> None:
        super().__init__()
        if before:
            self.conv0 = StyledConv(before, channels, size, width, doubles=True)
        else:
            self.const = nn.Parameter(torch.zeros(channels, size, size))
        self.conv1 = StyledConv(channels, channels, size, width)
        self.torgb = Colours(channels, width)

    def forward(
        self, x: Tensor | None, image: Tensor | None, styles: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return features and picture; `styles` (B, 2 or 3, width) are those of the layers."""
        if x is None:
            x = self.const.expand(len(styles), -1, -1, -1)
        else:
            x = self.conv0(x, styles[:, 0])
        x = self.conv1(x, styles[:, -2])
        colours = self.torgb(x, styles[:, -1])
        return x, colours if image is None else colours + doubled(image)


class StyledConv(nn.Module):
    """A convolution in the style of w, with noise that is part of the network."""

    noise_const: Tensor

    def __init__(
        self, before: int, after: int, size: int, width: int, doubles: bool = False
    ) -> None:
        super().__init__()
        self.doubles = doubles
        self.affine = Dense(width, before)
        self.weight = nn.Parameter(torch.zeros(after, before, 3, 3))
        self.register_buffer("noise_const", torch.zeros(size, size))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w)
        # The size that outputs have if inputs are independent and of size 1.
        power = style.square() @ self.weight.square().sum((2, 3)).T
        x = x * style[:, :, None, None]
        if self.doubles:
            x = filtered(F.conv_transpose2d(x, self.weight.transpose(0, 1), stride=2))
        else:
            x = F.conv2d(x, self.weight, padding=1)
        x = x * (power + EPSILON).rsqrt()[:, :, None, None]
        x = x + self.noise_strength * self.noise_const
        return activated(x + self.bias[:, None, None])


class Colours(nn.Module):
    """Features (B, C, S, S) in the style of w -> a picture (B, 3, S, S)."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.affine = Dense(width, channels)
        self.weight = nn.Parameter(torch.zeros(3, channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        style = self.affine(w) / math.sqrt(x.shape[1])
        return F.conv2d(x * style[:, :, None, None], self.weight, self.bias)


class Dense(nn.Module):
    """A fully connected layer whose stored weights have a size of 1 / `rate`."""

    def __init__(self, before: int, after: int, rate: float = 1.0) -> None:
        super().__init__()
        self.rate = rate
        self.weight = nn.Parameter(torch.zeros(after, before))
        self.bias = nn.Parameter(torch.zeros(after))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.rate / math.sqrt(self.weight.shape[1])
        return F.linear(x, scale * self.weight, self.rate * self.bias)


def activated(x: Tensor) -> Tensor:
    """Return the leaky rectifier of x, with a gain that keeps the size."""
    return GAIN * F.leaky_relu(x, SLOPE)


def taps(like: Tensor) -> Tensor:
    """Return the filter of enlarging (4, 4), which keeps the mean where every other row and column
    is empty."""
    line = torch.tensor(TAPS, device=like.device, dtype=like.dtype) * 2 / sum(TAPS)
    return line[:, None] * line


def filtered(x: Tensor) -> Tensor:
    """Return x (B, C, H + 1, W + 1), of every other row and column empty before the convolution,
    smoothed: (B, C, H, W)."""
    each = x.flatten(0, 1)[:, None]
    return F.conv2d(each, taps(x)[None, None], padding=1).view(
        *x.shape[:2], *x[..., 1:, 1:].shape[2:]
    )


def doubled(image: Tensor) -> Tensor:
    """Return the picture (B, 3, H, W) at twice the size."""
    weight = taps(image)[None, None].expand(image.shape[1], -1, -1, -1)
    return F.conv_transpose2d(image, weight, stride=2, padding=1, groups=image.shape[1])
