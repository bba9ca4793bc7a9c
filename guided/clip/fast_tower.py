"""Parts of a frozen CLIP's image tower replaced by quicker ones of the same mathematics.

Guidance goes forward and back through the tower at every step, so what torch's own modules spend
there is the step's time. Knows nothing about CLIP's texts or about guidance; the weights are the
tower's own, shared and not copied, but for layers that take a scale into themselves.
"""

from __future__ import annotations

from copy import deepcopy
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

# Modules in which a norm comes right after the convolution of its number, whatever they are called
# in: open_clip's ResNets, timm's pairs, and what is a sequence anyway.
NORMED = ("ModifiedResNet", "Bottleneck", "ConvNormAct", "Sequential")


def quicken(tower: nn.Module) -> nn.Module:
    """The same tower, in eval mode, its attention, patch embedding, norms and activation replaced
    where they are of a kind that is known here. Equal within float error."""
    if type(tower).__name__ in NORMED:
        fold_norms(tower)
    for name, part in tower.named_children():
        if type(part) is nn.MultiheadAttention and plain(part):
            setattr(tower, name, SelfAttention(part))
        elif type(part) is nn.Conv2d and cuts_patches(part):
            setattr(tower, name, Patches(part))
        elif type(part) is nn.Conv2d:
            part.to(memory_format=torch.channels_last)  # what follows is then laid out so too
        elif swells(part):
            steepen(part)
        elif type(part).__name__ == "AttentionPool2d":
            setattr(tower, name, MeanAsks(part))
        else:
            quicken(part)
    if reads_class_token(tower):
        blocks = tower.transformer.resblocks
        blocks[-1] = ClassTokenAsks(blocks[-1])
    return tower


def fold_norms(block: nn.Module) -> None:
    """Batch norms of a frozen network are multiples and sums that the convolution before them can
    do: x -> bn(conv(x)) as one convolution."""
    parts = dict(block.named_children())
    for conv, norm in pairs(block):
        if type(parts[conv]) is not nn.Conv2d or not isinstance(parts[norm], nn.BatchNorm2d):
            continue
        if parts[norm].training or parts[norm].running_mean is None:
            continue
        setattr(block, conv, fused(parts[conv], parts[norm]))
        after = (getattr(parts[norm], name, None) for name in ("drop", "act"))  # timm's do it all
        setattr(block, norm, nn.Sequential(*(part for part in after if part is not None)))


def fused(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """Multiplied out in float32 where they are kept in half: rounded once and not three times."""
    kept = conv.weight.dtype
    fine = torch.promote_types(kept, torch.float32)
    both = deepcopy(conv).to(fine), deepcopy(norm).to(fine)
    return fuse_conv_bn_eval(*both).to(kept).requires_grad_(False)


def pairs(block: nn.Module) -> list[tuple[str, str]]:
    """Names of children that may be a convolution and its norm."""
    names = [name for name, _ in block.named_children()]
    if type(block) is nn.Sequential:
        return list(pairwise(names))
    twins = {name: "bn" + name.removeprefix("conv") for name in names if name.startswith("conv")}
    return [(conv, norm) for conv, norm in twins.items() if norm in names]


def plain(part: nn.MultiheadAttention) -> bool:
    """Batch first, one width for all, nothing added to the keys."""
    return part.batch_first and part._qkv_same_embed_dim and part.bias_k is None


def cuts_patches(part: nn.Conv2d) -> bool:
    """A convolution whose kernels lie side by side: each pixel is looked at once."""
    return (
        part.kernel_size == part.stride
        and part.padding == (0, 0)
        and part.dilation == (1, 1)
        and part.groups == 1
        and part.kernel_size != (1, 1)
    )


def reads_class_token(tower: nn.Module) -> bool:
    """One of open_clip's (timm's have the same name) whose last block only the first position
    leaves?"""
    if type(tower).__name__ != "VisionTransformer" or not hasattr(tower, "transformer"):
        return False
    blocks = tower.transformer.resblocks
    return (
        tower.pool_type == "tok"
        and tower.attn_pool is None
        and not tower.output_tokens
        and len(blocks) > 1
        and type(blocks[-1]).__name__ == "ResidualAttentionBlock"
        and type(blocks[-1].attn) is SelfAttention
    )


def swells(part: nn.Module) -> bool:
    """The two layers of a transformer's block with CLIP's activation between them?"""
    kinds = [type(inside).__name__ for inside in part.children()]
    return type(part) is nn.Sequential and kinds == ["Linear", "QuickGELU", "Linear"]


def steepen(part: nn.Sequential) -> None:
    """QuickGELU, x * sigmoid(1.702 x), is silu(1.702 x) / 1.702: the layers around it multiply."""
    part[0] = scaled(part[0], 1.702, 1.702)
    part[1] = nn.SiLU()
    part[2] = scaled(part[2], 1 / 1.702, 1)


def scaled(layer: nn.Linear, weight: float, bias: float) -> nn.Linear:
    layer = deepcopy(layer).requires_grad_(False)
    layer.weight.mul_(weight)
    if layer.bias is not None:
        layer.bias.mul_(bias)
    return layer


def attention(q: Tensor, k: Tensor, v: Tensor, heads: int, mask: Tensor | None = None) -> Tensor:
    """(B, M, D), (B, L, D), (B, L, D) -> (B, M, D)."""
    parts = (x.unflatten(2, (heads, -1)).transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(*parts, mask).transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """torch's swaps batch and positions first, after which its projection is many small products
    with a copy of the weights for each position, instead of one large product."""

    def __init__(self, whole: nn.MultiheadAttention) -> None:
        super().__init__()
        self.whole = whole

    def forward(
        self, query: Tensor, key: Tensor, value: Tensor, need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:  # fmt: skip
        """(B, L, D) three times over -> (B, L, D)."""
        whole = self.whole
        if not (query is key is value) or need_weights:
            return whole(query, key, value, need_weights=need_weights, attn_mask=attn_mask)
        qkv = F.linear(query, whole.in_proj_weight, whole.in_proj_bias).chunk(3, dim=2)
        return whole.out_proj(attention(*qkv, whole.num_heads, attn_mask)), None


class ClassTokenAsks(nn.Module):
    """A vision transformer's last block, of which only the class token is read: no other position
    need ask, nor go through the layers behind."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, x: Tensor, attn_mask: None = None) -> Tensor:
        """(B, L, D) -> (B, 1, D)."""
        block, whole = self.block, self.block.attn.whole
        normed, weight, bias = block.ln_1(x), whole.in_proj_weight, whole.in_proj_bias
        width = x.shape[2]
        q = F.linear(normed[:, :1], weight[:width], bias[:width])
        k, v = F.linear(normed, weight[width:], bias[width:]).chunk(2, dim=2)
        x = x[:, :1] + block.ls_1(whole.out_proj(attention(q, k, v, whole.num_heads)))
        return x + block.ls_2(block.mlp(block.ln_2(x)))


class MeanAsks(nn.Module):
    """CLIP's ResNets end in an attention of which only what their mean has asked is read."""

    def __init__(self, pool: nn.Module) -> None:
        super().__init__()
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        """(B, D, H, W) -> (B, E)."""
        pool, x = self.pool, x.flatten(2).transpose(1, 2)
        x = torch.cat([x.mean(1, keepdim=True), x], dim=1) + pool.positional_embedding.to(x.dtype)
        q, k, v = pool.q_proj(x[:, :1]), pool.k_proj(x), pool.v_proj(x)
        return pool.c_proj(attention(q, k, v, pool.num_heads))[:, 0]


class Patches(nn.Module):
    """(B, C, H, W) -> (B, D, H / p, W / p), as one product of matrices: the way back through a
    convolution costs several times that."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.weight, self.bias = conv.weight, conv.bias  # where towers look for their format
        self.kernel_size = conv.kernel_size

    def forward(self, x: Tensor) -> Tensor:
        (p, q), (height, width) = self.kernel_size, x.shape[2:]
        rows, columns = height // p, width // q
        x = x[:, :, : rows * p, : columns * q].unflatten(3, (columns, q)).unflatten(2, (rows, p))
        flat = x.permute(0, 2, 4, 1, 3, 5).flatten(3)  # (B, rows, columns, C * p * q)
        return F.linear(flat, self.weight.flatten(1), self.bias).permute(0, 3, 1, 2)
