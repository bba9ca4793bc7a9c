"""JiT, "Just image Transformers": a transformer on patches of pixels, that predicts the image.

Trained by flow matching on z = t * image + (1 - t) * noise, with t from 0 (noise) to 1. Patches
are embedded through a bottleneck; blocks have rotary position embeddings, normalised queries and
keys, gated layers (SwiGLU), and adaptive normalisation by time and class. From one block on,
tokens of the class stand beside those of the picture. The class is always the null class, with
which the network was trained as an unconditional one.

Its state-dict keys are those of the authors' checkpoints.

Li and He, "Back to Basics: Let Denoising Generative Models Denoise", 2025,
https://arxiv.org/abs/2511.13720
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from guided.diffusion.jit_config import JiTConfig
from guided.diffusion.timestep_embedding import timestep_embedding

WAVES = 256  # sinusoids of the time embedding
EPSILON = 1e-6  # of the normalisations


class JiT(nn.Module):
    """A JiT: samples z (B, 3, S, S) of flow matching, times (B,) in 0..1 -> clean images
    (B, 3, S, S)."""

    def __init__(self, config: JiTConfig) -> None:
        super().__init__()
        self.config = config
        self.checkpointing = False
        width, tokens = config.width, config.side**2
        self.t_embedder = TimeEmbedding(width)
        self.y_embedder = ClassEmbedding(config.classes, width)
        self.x_embedder = PatchEmbedding(config)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, width))
        self.in_context_posemb = nn.Parameter(torch.zeros(1, config.context, width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.final_layer = FinalLayer(config)

    def set_precision(self, dtype: torch.dtype) -> JiT:
        """Run the blocks in `dtype`. The layers before and after them stay in float32, where
        rounding would be visible; they are in float64 if `dtype` is."""
        self.to(torch.float64 if dtype == torch.float64 else torch.float32)
        self.blocks.to(dtype)
        return self

    def forward(self, z: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """Return the clean images predicted for z (B, 3, S, S) at times t (B,), of classes y (B,),
        by default of the null class."""
        config, edge = self.config, self.pos_embed.dtype
        if y is None:
            y = torch.full((len(z),), config.classes, device=z.device)
        label = self.y_embedder(y)
        condition = F.silu(self.t_embedder(t) + label)  # every block begins with this; done once
        tokens = self.x_embedder(z.to(edge)) + self.pos_embed
        context = label[:, None] + self.in_context_posemb
        dtype = next(self.blocks.parameters()).dtype
        h, rotation = tokens.to(dtype), rotations(config, z.device)
        for i, block in enumerate(self.blocks):
            if i == config.context_start:
                h = torch.cat([context.to(h), h], dim=1)
                still = torch.zeros_like(rotation[: config.context])
                rotation = torch.cat([still, rotation])
            h = self._run(block, h, condition.to(h), rotation)
        h = self.final_layer(h[:, config.context :].to(edge), condition)
        return F.pixel_shuffle(as_channels(h, config), config.patch)

    def _run(self, block: nn.Module, h: Tensor, condition: Tensor, rotation: Tensor) -> Tensor:
        """Run a block, with gradient checkpointing if it is on."""
        if self.checkpointing and torch.is_grad_enabled():
            return checkpoint(block, h, condition, rotation, use_reentrant=False)
        return block(h, condition, rotation)


class TimeEmbedding(nn.Module):
    """Times (B,) -> (B, width)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(WAVES, width), nn.SiLU(), nn.Linear(width, width))

    def forward(self, t: Tensor) -> Tensor:
        return self.mlp(timestep_embedding(t, WAVES).to(next(self.mlp.parameters()).dtype))


class ClassEmbedding(nn.Module):
    """Classes (B,) -> (B, width); the last one is the null class."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.embedding_table = nn.Embedding(classes + 1, width)

    def forward(self, y: Tensor) -> Tensor:
        return self.embedding_table(y)


class PatchEmbedding(nn.Module):
    """Images (B, 3, S, S) -> tokens (B, N, width), patch by patch, through a bottleneck."""

    def __init__(self, config: JiTConfig) -> None:
        super().__init__()
        self.proj1 = nn.Conv2d(3, config.bottleneck, config.patch, config.patch, bias=False)
        self.proj2 = nn.Conv2d(config.bottleneck, config.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.proj2(self.proj1(x)).flatten(2).transpose(1, 2)


class Block(nn.Module):
    """Attention and gated layers, each scaled, shifted and weighted by time and class."""

    def __init__(self, config: JiTConfig) -> None:
        super().__init__()
        self.norm1 = RMSNorm(config.width)
        self.attn = Attention(config)
        self.norm2 = RMSNorm(config.width)
        self.mlp = SwiGLU(config)
        self.adaLN_modulation = modulation(config.width, 6)

    def forward(self, h: Tensor, condition: Tensor, rotation: Tensor) -> Tensor:
        """Return (B, N, width) for tokens h, the condition (B, width) after its SiLU, and the
        angles of `rotations`."""
        changes = self.adaLN_modulation(condition)[:, None].chunk(6, dim=2)
        shift, scale, gate, shift2, scale2, gate2 = changes
        h = h + gate * self.attn(modulated(self.norm1(h), shift, scale), rotation)
        return h + gate2 * self.mlp(modulated(self.norm2(h), shift2, scale2))


class Attention(nn.Module):
    """Self-attention with rotary positions, of normalised queries and keys."""

    def __init__(self, config: JiTConfig) -> None:
        super().__init__()
        self.heads, width = config.heads, config.width
        self.q_norm = RMSNorm(width // self.heads)
        self.k_norm = RMSNorm(width // self.heads)
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, h: Tensor, rotation: Tensor) -> Tensor:
        split = self.qkv(h).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        q, k, v = split.unbind(0)  # (B, heads, N, width / heads) each
        cos, sin = rotation.cos().to(h), rotation.sin().to(h)
        q, k = (rotated(norm(x), cos, sin) for norm, x in ((self.q_norm, q), (self.k_norm, k)))
        seen = F.scaled_dot_product_attention(q, k, v)
        return self.proj(seen.transpose(1, 2).flatten(2))


class SwiGLU(nn.Module):
    """Gated layers: Shazeer 2020, https://arxiv.org/abs/2002.05202"""

    def __init__(self, config: JiTConfig) -> None:
        super().__init__()
        self.w12 = nn.Linear(config.width, 2 * config.hidden)
        self.w3 = nn.Linear(config.hidden, config.width)

    def forward(self, h: Tensor) -> Tensor:
        gate, value = self.w12(h).chunk(2, dim=-1)
        return self.w3(F.silu(gate) * value)


class FinalLayer(nn.Module):
    """Tokens (B, N, width) -> the pixels of their patches (B, N, patch * patch * 3)."""

    def __init__(self, config: JiTConfig) -> None:
        super().__init__()
        self.norm_final = RMSNorm(config.width)
        self.linear = nn.Linear(config.width, 3 * config.patch**2)
        self.adaLN_modulation = modulation(config.width, 2)

    def forward(self, h: Tensor, condition: Tensor) -> Tensor:
        shift, scale = self.adaLN_modulation(condition)[:, None].chunk(2, dim=2)
        return self.linear(modulated(self.norm_final(h), shift, scale))


class RMSNorm(nn.Module):
    """Division by the root mean square over the last dimension, times a weight."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, h: Tensor) -> Tensor:
        return F.rms_norm(h, self.weight.shape, self.weight, EPSILON)


def modulation(width: int, parts: int) -> nn.Sequential:
    """Return the layer from the condition to `parts` shifts, scales and gates."""
    # The SiLU is done once for all; its slot keeps the checkpoint's key `adaLN_modulation.1`.
    return nn.Sequential(nn.Identity(), nn.Linear(width, parts * width))


def modulated(h: Tensor, shift: Tensor, scale: Tensor) -> Tensor:
    return torch.addcmul(shift, h, 1 + scale)


def rotations(config: JiTConfig, device: torch.device) -> Tensor:
    """Return the angle of each pair of channels of a head for each token, (N, width / heads / 2),
    float32: by the row for the first half of the channels, by the column for the second.

    Su et al. 2021, https://arxiv.org/abs/2104.09864"""
    pairs = config.width // config.heads // 4  # for each of the two
    speeds = 10000 ** (-torch.arange(pairs, device=device, dtype=torch.float32) / pairs)
    angles = torch.arange(config.side, device=device)[:, None] * speeds
    rows, columns = angles[:, None].expand(-1, config.side, -1), angles[None]
    return torch.cat([rows, columns.expand(config.side, -1, -1)], dim=2).flatten(0, 1)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Return x (B, heads, N, C) with each pair of neighbouring channels turned by its angle, whose
    cosine and sine are (N, C / 2)."""
    first, second = x[..., 0::2], x[..., 1::2]
    turned = first * cos - second * sin, second * cos + first * sin
    return torch.stack(turned, dim=-1).flatten(-2)


def as_channels(h: Tensor, config: JiTConfig) -> Tensor:
    """Return the pixels of patches (B, N, patch * patch * 3) as channels of the patches' grid,
    (B, 3 * patch * patch, side, side), ordered as pixel_shuffle takes them."""
    grid = h.unflatten(2, (config.patch**2, 3)).transpose(2, 3).flatten(2)
    return grid.transpose(1, 2).unflatten(2, (config.side, config.side))
