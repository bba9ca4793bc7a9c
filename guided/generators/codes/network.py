"""A vector-quantised autoencoder: an encoder, a codebook and a decoder.

Its tensors have LlamaGen's names (https://arxiv.org/abs/2406.06525); VQGAN's layers
(https://arxiv.org/abs/2012.09841) are the same by other names.
"""

from __future__ import annotations

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from guided.generators.codes.card import CodesCard, VQConfig, names_of
from guided.models.load import check
from guided.models.weights import read

EPSILON = 1e-6  # of normalisations


class Autoencoder(nn.Module):
    """Pictures (B, 3, H, W) in [-1, 1] <-> latents (B, code, H / divisor, W / divisor)."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)
        self.quantize = Codebook(config)
        self.quant_conv = nn.Conv2d(config.latent, config.code, 1)
        self.post_quant_conv = nn.Conv2d(config.code, config.latent, 1)

    def encode(self, images: Tensor) -> Tensor:
        """Return the latents of pictures, before quantisation."""
        return self.quant_conv(self.encoder(images.to(self.quant_conv.weight)))

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, nominally in [-1, 1]."""
        latents = latents.to(self.post_quant_conv.weight)
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(self._decode, latents, use_reentrant=False)
        return self._decode(latents)

    def _decode(self, latents: Tensor) -> Tensor:
        return self.decoder(self.post_quant_conv(latents))


class Codebook(nn.Module):
    """The codes, and the choice of the nearest."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        self.normalised = config.normalised
        self.embedding = nn.Embedding(config.codes, config.code)

    def codes(self) -> Tensor:
        """Return the codes (codes, code) as the decoder gets them."""
        weight = self.embedding.weight
        return F.normalize(weight, dim=1) if self.normalised else weight

    def directed(self, latents: Tensor) -> Tensor:
        """Return latents (B, code, h, w) as they are compared with codes."""
        return F.normalize(latents, dim=1) if self.normalised else latents

    def forward(self, latents: Tensor) -> Tensor:
        """Return the nearest code of each latent (B, code, h, w), with the gradient of the latent
        itself: the straight-through estimator, Bengio et al. 2013,
        https://arxiv.org/abs/1308.3432"""
        latents = self.directed(latents)
        return latents + (self.nearest(latents) - latents).detach()

    def nearest(self, latents: Tensor) -> Tensor:
        """Return the nearest code of each latent, both (B, code, h, w)."""
        codes = self.codes()
        vectors = latents.detach().movedim(1, -1)
        distances = codes.square().sum(1) - 2 * vectors @ codes.T
        return codes[distances.argmin(-1)].movedim(-1, 1)


class Encoder(nn.Module):
    """Pictures (B, 3, H, W) -> (B, latent, h, w)."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        width = config.channels
        self.conv_in = nn.Conv2d(3, width, 3, padding=1)
        self.conv_blocks = nn.ModuleList()
        for level, mult in enumerate(config.channel_mult):
            last = level == len(config.channel_mult) - 1
            block = Level(config, level, width, config.res_blocks)
            width = config.channels * mult
            if not last:
                block.downsample = Downsample(width)
            self.conv_blocks.append(block)
        self.mid = middle(width, config.groups)
        self.norm_out = norm(width, config.groups)
        self.conv_out = nn.Conv2d(width, config.latent, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        h = self.conv_in(h)
        for block in (*self.conv_blocks, *self.mid):
            h = block(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Decoder(nn.Module):
    """(B, latent, h, w) -> pictures (B, 3, H, W)."""

    def __init__(self, config: VQConfig) -> None:
        super().__init__()
        width = config.channels * config.channel_mult[-1]
        self.conv_in = nn.Conv2d(config.latent, width, 3, padding=1)
        self.mid = middle(width, config.groups)
        self.conv_blocks = nn.ModuleList()
        for level in range(len(config.channel_mult) - 1, -1, -1):
            block = Level(config, level, width, config.res_blocks + 1)
            width = config.channels * config.channel_mult[level]
            if level:
                block.upsample = Upsample(width)
            self.conv_blocks.append(block)
        self.norm_out = norm(width, config.groups)
        self.conv_out = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, h: Tensor) -> Tensor:
        h = self.conv_in(h)
        for block in (*self.mid, *self.conv_blocks):
            h = block(h)
        return self.conv_out(F.silu(self.norm_out(h)))


class Level(nn.Module):
    """Residual blocks of one resolution, each with attention behind it if the level has it."""

    def __init__(self, config: VQConfig, level: int, before: int, blocks: int) -> None:
        super().__init__()
        width = config.channels * config.channel_mult[level]
        widths = [before, *[width] * blocks]
        groups = config.groups
        self.res = nn.ModuleList(ResBlock(*pair, groups) for pair in pairwise(widths))
        attends = level in config.attention
        self.attn = nn.ModuleList(Attention(width, groups) for _ in range(blocks * attends))

    def forward(self, h: Tensor) -> Tensor:
        for k, block in enumerate(self.res):
            h = block(h)
            h = self.attn[k](h) if self.attn else h
        for name in ("downsample", "upsample"):
            h = getattr(self, name)(h) if hasattr(self, name) else h
        return h


class ResBlock(nn.Module):
    """Two convolutions with a skip."""

    def __init__(self, before: int, after: int, groups: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(before, groups), nn.Conv2d(before, after, 3, padding=1)
        self.norm2, self.conv2 = norm(after, groups), nn.Conv2d(after, after, 3, padding=1)
        if before != after:
            self.nin_shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        h = self.conv2(F.silu(self.norm2(h)))
        return h + (self.nin_shortcut(x) if hasattr(self, "nin_shortcut") else x)


class Attention(nn.Module):
    """Self-attention over all positions with one head, with a skip."""

    def __init__(self, channels: int, groups: int) -> None:
        super().__init__()
        self.norm = norm(channels, groups)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(channels, channels, 1) for _ in "qkvo")

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(x)
        q, k, v = (part(h).flatten(2).transpose(1, 2) for part in (self.q, self.k, self.v))
        h = F.scaled_dot_product_attention(q[:, None], k[:, None], v[:, None])[:, 0]
        return x + self.proj_out(h.transpose(1, 2).reshape(x.shape))


class Downsample(nn.Module):
    """Half the size, by a strided convolution padded at the right and at the bottom."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Upsample(nn.Module):
    """Twice the size: nearest neighbour, then a convolution."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(F.interpolate(x, scale_factor=2, mode="nearest"))


def middle(channels: int, groups: int) -> nn.ModuleList:
    """Return the layers between the levels and the latents."""
    first, last = (ResBlock(channels, channels, groups) for _ in range(2))
    return nn.ModuleList([first, Attention(channels, groups), last])


def norm(channels: int, groups: int) -> nn.GroupNorm:
    """Return a group normalisation."""
    return nn.GroupNorm(groups, channels, EPSILON)


def load(card: CodesCard, device: torch.device, dtype: torch.dtype) -> Autoencoder:
    """Return the card's network, frozen, on the device; its codes stay in float32. BadInput if the
    file does not fit the card."""
    path = card.path()
    with torch.device("meta"):
        network = Autoencoder(card.vq)
    held = read(path)
    tensors = {ours: held[theirs].float() for ours, theirs in names_of(held).items()}
    check(network.state_dict(), tensors, path)
    network.load_state_dict(tensors, strict=True, assign=True)
    network.to(dtype).quantize.to(torch.promote_types(dtype, torch.float32))
    return network.requires_grad_(False).eval().to(device)
