"""What common operators give on the meta device, where a tensor has a shape and no numbers.

Torch would find that out by taking them apart into dozens of others in Python, which costs a
hundred times as much and the import of half a compiler. Here it is only the shape and the format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.diffusion import group_norm as diffusion_group_norm

aten = torch.ops.aten


def alike(op: Any, x: Tensor, *others: Any, **how: Any) -> Tensor:
    """Element by element."""
    shape, dtype = tuple(x.shape), x.dtype
    for y in others:
        if isinstance(y, Tensor):
            shape, dtype = broadcast(shape, y.shape), torch.result_type(x, y)
    if shape == x.shape:
        return torch.empty_like(x, dtype=dtype)
    return x.new_empty(shape, dtype=dtype)


def broadcast(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    pairs = zip_longest(reversed(a), reversed(b), fillvalue=1)
    return tuple(x if y == 1 else y for x, y in pairs)[::-1]


def back(op: Any, grad: Tensor, *rest: Any, **how: Any) -> Tensor:
    """The gradient of what is element by element."""
    return torch.empty_like(grad)


def product(op: Any, *args: Any, **how: Any) -> Tensor:
    """(..., N, K), (..., K, M), perhaps behind what is added -> (..., N, M)."""
    a, b = args[-2:]
    return a.new_empty(*a.shape[:-1], b.shape[-1])


def compared(op: Any, x: Tensor, other: Any) -> Tensor:
    shape = broadcast(x.shape, other.shape) if isinstance(other, Tensor) else x.shape
    return x.new_empty(shape, dtype=torch.bool)


def sampled(op: Any, x: Tensor, grid: Tensor, *_: Any) -> Tensor:
    """(N, C, H, W), (N, h, w, 2) -> (N, C, h, w)."""
    return x.new_empty(x.shape[0], x.shape[1], grid.shape[1], grid.shape[2])


def convolution(op: Any, x: Tensor, weight: Tensor, *how: Any) -> Tensor:
    """Channels last where the image or the weights are."""
    out = op(x, weight, *how)
    last = torch.channels_last
    given = x.ndim == 4 and any(t.is_contiguous(memory_format=last) for t in (x, weight))
    return torch.empty_like(out, memory_format=last) if given else out


def group_norm(op: Any, x: Tensor, *args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """(x, weight, bias, N, C, HW, groups, eps)."""
    return statistics(x, (args[2], args[5]))


def layer_norm(op: Any, x: Tensor, shape: Sequence[int], *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return statistics(x, (*x.shape[: x.ndim - len(shape)], *[1] * len(shape)))


def statistics(x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    mean = x.new_empty(shape, dtype=torch.promote_types(x.dtype, torch.float32))
    return torch.empty_like(x), mean, torch.empty_like(mean)


def batch_norm(op: Any, x: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    """In a frozen network nothing is measured."""
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def norm_back(op: Any, grad: Tensor, x: Tensor, *_: Any) -> tuple[Tensor, None, None]:
    """Weights are frozen."""
    return torch.empty_like(x), None, None


def attention(op: Any, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> tuple[Tensor, ...]:
    """(B, heads, L, D): the result, and a number for each query."""
    out = q.new_empty(q.shape[0], q.shape[2], q.shape[1], v.shape[3]).transpose(1, 2)
    return out, q.new_empty(q.shape[:3], dtype=torch.float32)


def attention_back(
    op: Any, grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any
) -> tuple[Tensor, ...]:
    return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)


WEIGHT = {aten.convolution.default: 1, aten.convolution_backward.default: 2}  # which argument
FUSED = aten._scaled_dot_product_flash_attention_for_cpu  # the one that any build of torch has
RULES: dict[Any, Callable[..., Any]] = {
    aten.convolution.default: convolution,
    aten.grid_sampler_2d.default: sampled,
    aten.native_group_norm.default: group_norm,
    aten.native_layer_norm.default: layer_norm,
    aten.native_batch_norm.default: batch_norm,
    aten.native_group_norm_backward.default: norm_back,
    aten.native_layer_norm_backward.default: norm_back,
    aten.native_batch_norm_backward.default: norm_back,
    FUSED.default: attention,
    aten._scaled_dot_product_flash_attention_for_cpu_backward.default: attention_back,
    **dict.fromkeys(
        (aten.ge.Scalar, aten.le.Scalar, aten.eq.Scalar, aten.eq.Tensor, aten.gt.Scalar), compared
    ),
    **dict.fromkeys((aten.mm.default, aten.addmm.default, aten.bmm.default), product),
    **dict.fromkeys(
        (
            *(aten.add.Tensor, aten.sub.Tensor, aten.mul.Tensor, aten.mul.Scalar, aten.div.Tensor),
            *(aten.addcmul.default, aten.silu.default, aten.gelu.default, aten.relu.default),
            *(aten.sigmoid.default, aten.neg.default, aten.cos.default, aten.sin.default),
            *(aten.exp.default, aten.square.default, aten.clamp.default, aten.rsub.Scalar),
        ),
        alike,
    ),
    **dict.fromkeys(
        (
            *(aten.silu_backward.default, aten.gelu_backward.default),
            *(aten.threshold_backward.default, aten.sigmoid_backward.default),
        ),
        back,
    ),
}


@contextmanager
def kernels(device: str) -> Iterator[None]:
    """On the meta device, the kernels of a real one: attention that is fused, except on Apple's
    GPU; and on a CPU a normalisation of groups that takes what it is given as it is, where the
    others copy what has channels last."""
    fused = device != "mps"
    with (
        patch.object(F, "scaled_dot_product_attention", attend if fused else ATTEND),
        patch.object(F, "group_norm", grouped if device == "cpu" else GROUPED),
        patch.object(diffusion_group_norm, "on_cpu", lambda x: device == "cpu"),
    ):
        yield


ATTEND, GROUPED = F.scaled_dot_product_attention, F.group_norm


def attend(
    q: Tensor, k: Tensor, v: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, **_: Any,
) -> Tensor:  # fmt: skip
    return FUSED(q, k, v, 0.0, is_causal, attn_mask=attn_mask)[0]


def grouped(
    x: Tensor, groups: int, weight: Tensor | None = None, bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:  # fmt: skip
    n, channels, *sides = x.shape
    pixels = torch.Size(sides).numel()
    return torch.native_group_norm(x, weight, bias, n, channels, pixels, groups, eps)[0]
