"""Parts of a frozen CLIP's image tower replaced by quicker ones of the same mathematics.

Guidance goes forward and back through the tower at every step, so what torch's own modules spend
there is the step's time. Knows nothing about CLIP's texts or about guidance; the weights are the
tower's own, shared and not copied, but for convolutions that take a norm's scale into themselves.
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
        elif type(part).__name__ == "QuickGELU" and not any(part.parameters()):
            setattr(tower, name, QuickGELU())
        else:
            quicken(part)
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
        b, length, width = query.shape
        qkv = F.linear(query, whole.in_proj_weight, whole.in_proj_bias)
        q, k, v = qkv.view(b, length, 3, whole.num_heads, -1).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(q, k, v, attn_mask)
        return whole.out_proj(seen.transpose(1, 2).reshape(b, length, width)), None


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


class QuickGELU(nn.Module):
    """x * sigmoid(1.702 x), with less to remember for the way back."""

    def forward(self, x: Tensor) -> Tensor:
        return F.silu(1.702 * x) / 1.702
