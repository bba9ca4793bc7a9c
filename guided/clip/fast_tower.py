"""Parts of a frozen CLIP's image tower replaced by faster ones of the same mathematics.

Guidance runs the tower forward and backward at every step, which makes up most of the step's time.
Weights are shared with the tower, except for layers that a scale is multiplied into.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from guided.compat.image_towers import (
    is_attention_pool,
    is_quick_gelu,
    normed_blocks,
    returns_class_token,
)


def quicken(tower: nn.Module) -> nn.Module:
    """Replace the known parts of a tower in eval mode, in place, and return it: attention, patch
    embedding, batch norms and QuickGELU. The outputs are equal within float error."""
    if type(tower) is nn.Sequential or type(tower) in normed_blocks():
        fold_norms(tower)
    for name, part in tower.named_children():
        if type(part) is nn.MultiheadAttention and is_plain(part):
            setattr(tower, name, SelfAttention(part))
        elif type(part) is nn.Conv2d and is_patch_embedding(part):
            setattr(tower, name, PatchEmbedding(part))
        elif type(part) is nn.Conv2d:
            # Activations then have that format too. torch's type stubs lack this form of `to`.
            part.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        elif type(part) is nn.Sequential and is_quick_gelu_mlp(part):
            use_silu(part)
        elif is_attention_pool(part):
            setattr(tower, name, MeanQueryPool(part))
        else:
            quicken(part)
    if returns_class_token(tower):
        blocks = tower.transformer.resblocks
        if type(blocks[-1].attn) is SelfAttention:
            blocks[-1] = ClassTokenBlock(blocks[-1])
    return tower


def fold_norms(block: nn.Module) -> None:
    """Multiply the batch norms of a frozen block into the convolutions before them."""
    parts = dict(block.named_children())
    for conv_name, norm_name in conv_norm_pairs(block):
        conv, norm = parts[conv_name], parts[norm_name]
        if type(conv) is not nn.Conv2d or not isinstance(norm, nn.BatchNorm2d):
            continue
        if norm.training or norm.running_mean is None:
            continue
        setattr(block, conv_name, fused(conv, norm))
        after = (getattr(norm, name, None) for name in ("drop", "act"))  # part of timm's norms
        setattr(block, norm_name, nn.Sequential(*(part for part in after if part is not None)))


def fused(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Return the convolution followed by the norm as one convolution. Half precision is multiplied
    in float32, so that it is rounded once."""
    dtype = conv.weight.dtype
    wide = torch.promote_types(dtype, torch.float32)
    both = fuse_conv_bn_eval(deepcopy(conv).to(wide), deepcopy(norm).to(wide))
    return both.to(dtype).requires_grad_(False)


def conv_norm_pairs(block: nn.Module) -> list[tuple[str, str]]:
    """Return the names of children that may be a convolution and its norm: neighbours in a
    sequence, else `conv3` and `bn3`."""
    names = [name for name, _ in block.named_children()]
    if type(block) is nn.Sequential:
        return list(pairwise(names))
    twins = {name: "bn" + name.removeprefix("conv") for name in names if name.startswith("conv")}
    return [(conv, norm) for conv, norm in twins.items() if norm in names]


def is_plain(part: nn.MultiheadAttention) -> bool:
    """Return whether queries, keys and values have one width, come batch first, and get no learned
    extra key."""
    return part.batch_first and part._qkv_same_embed_dim and part.bias_k is None


def is_patch_embedding(part: nn.Conv2d) -> bool:
    """Return whether the convolution divides the image into patches, each pixel in one of them."""
    return (
        part.kernel_size == part.stride
        and part.padding == (0, 0)
        and part.dilation == (1, 1)
        and part.groups == 1
        and part.kernel_size != (1, 1)
    )


def is_quick_gelu_mlp(part: nn.Sequential) -> bool:
    """Return whether these are a transformer block's two linear layers with QuickGELU between."""
    parts = list(part)
    linear = len(parts) == 3 and type(parts[0]) is nn.Linear and type(parts[2]) is nn.Linear
    return linear and is_quick_gelu(parts[1])


def use_silu(part: nn.Sequential) -> None:
    """Compute QuickGELU, x * sigmoid(1.702 x), as silu(1.702 x) / 1.702, with the factors in the
    linear layers before and after."""
    part[0] = scaled(part[0], 1.702, 1.702)
    part[1] = nn.SiLU()
    part[2] = scaled(part[2], 1 / 1.702, 1)


def scaled(layer: nn.Module, weight: float, bias: float) -> nn.Linear:
    """Return a copy of a linear layer with its weight and bias multiplied."""
    assert isinstance(layer, nn.Linear)
    layer = deepcopy(layer).requires_grad_(False)
    layer.weight.mul_(weight)
    if layer.bias is not None:
        layer.bias.mul_(bias)
    return layer


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """Return multi-head attention: (B, M, D), (B, L, D), (B, L, D) -> (B, M, D)."""
    q, k, v = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(q, k, v, mask).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Self-attention with one large input projection.

    torch's own module transposes batch and positions first, after which the projection is many
    small products, with a copy of the weights for each position."""

    def __init__(self, whole: nn.MultiheadAttention) -> None:
        super().__init__()
        self.whole = whole

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, Tensor | None]:  # fmt: skip
        """Return (B, L, D) from (B, L, D); other uses go to torch's own module."""
        whole = self.whole
        if not (query is key is value) or need_weights:
            return whole(query, key, value, need_weights=need_weights, attn_mask=attn_mask)
        q, k, v = F.linear(query, whole.in_proj_weight, whole.in_proj_bias).chunk(3, dim=2)
        return whole.out_proj(attention(q, k, v, whole.num_heads, attn_mask)), None


class ClassTokenBlock(nn.Module):
    """A vision transformer's last block, computed for the class token alone, the only position
    that is read afterwards."""

    def __init__(self, block: Any) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor, attn_mask: None = None) -> Tensor:
        """Return (B, 1, D) from (B, L, D)."""
        block, whole = self.block, self.block.attn.whole
        normed, weight, bias = block.ln_1(x), whole.in_proj_weight, whole.in_proj_bias
        width = x.shape[2]
        q = F.linear(normed[:, :1], weight[:width], bias[:width])
        k, v = F.linear(normed, weight[width:], bias[width:]).chunk(2, dim=2)
        x = x[:, :1] + block.ls_1(whole.out_proj(attention(q, k, v, whole.num_heads)))
        return x + block.ls_2(block.mlp(block.ln_2(x)))


class MeanQueryPool(nn.Module):
    """The attention pooling of CLIP's ResNets, computed for the query of the mean alone, the only
    output that is read."""

    def __init__(self, pool: Any) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, E) from (B, D, H, W)."""
        pool, x = self.pool, x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + pool.positional_embedding.to(x.dtype)
        q, k, v = pool.q_proj(x[:, :1]), pool.k_proj(x), pool.v_proj(x)
        return pool.c_proj(attention(q, k, v, pool.num_heads))[:, 0]


class PatchEmbedding(nn.Module):
    """A convolution of patches as one matrix product, whose backward pass is several times
    faster."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias  # towers read their dtype here
        self.kernel_size = conv.kernel_size

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, D, H / p, W / q) from (B, C, H, W); a remainder at the border is ignored."""
        (p, q), (height, width) = self.kernel_size, x.shape[2:]
        rows, columns = height // p, width // q
        x = x[:, :, : rows * p, : columns * q].unflatten(3, (columns, q)).unflatten(2, (rows, p))
        flat = x.permute(0, 2, 4, 1, 3, 5).flatten(3)  # (B, rows, columns, C * p * q)
        return F.linear(flat, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
