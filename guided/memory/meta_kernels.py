"""The shapes and formats of common operators' results on the meta device.

Torch would find them by decomposing each operator into dozens of others in Python, which takes a
hundred times as long and imports half of its compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import zip_longest
from typing import Any

import torch
from torch import Tensor

from guided import devices
from guided.compat.replacing import replaced
from guided.compat.torch_meta import FUSED, device_functions

aten = torch.ops.aten


def elementwise(op: Any, x: Tensor, *others: Any, **how: Any) -> Tensor:
    """Return the result of an elementwise operator, with broadcasting and type promotion."""
    shape, dtype = tuple(x.shape), x.dtype
    for y in others:
        if isinstance(y, Tensor):
            shape, dtype = broadcast(shape, y.shape), torch.result_type(x, y)
    if shape == x.shape:
        return torch.empty_like(x, dtype=dtype)
    return x.new_empty(shape, dtype=dtype)


def broadcast(a: Sequence[int], b: Sequence[int]) -> tuple[int, ...]:
    """Return the shape of two broadcast shapes."""
    pairs = zip_longest(reversed(a), reversed(b), fillvalue=1)
    return tuple(x if y == 1 else y for x, y in pairs)[::-1]


def elementwise_backward(op: Any, grad: Tensor, *rest: Any, **how: Any) -> Tensor:
    """Return the gradient of an elementwise operator."""
    return torch.empty_like(grad)


def product(op: Any, *args: Any, **how: Any) -> Tensor:
    """Return the product (..., N, M) of (..., N, K) and (..., K, M), the last two arguments."""
    a, b = args[-2:]
    return a.new_empty(*a.shape[:-1], b.shape[-1])


def compared(op: Any, x: Tensor, other: Any) -> Tensor:
    """Return the boolean result of a comparison, with broadcasting."""
    shape = broadcast(x.shape, other.shape) if isinstance(other, Tensor) else x.shape
    return x.new_empty(shape, dtype=torch.bool)


def sampled(op: Any, x: Tensor, grid: Tensor, *_: Any) -> Tensor:
    """Return samples (N, C, h, w) of x (N, C, H, W) at a grid (N, h, w, 2)."""
    return x.new_empty(x.shape[0], x.shape[1], grid.shape[1], grid.shape[2])


def convolution(op: Any, x: Tensor, weight: Tensor, *how: Any) -> Tensor:
    """Return a convolution, with channels last if x or the weights have that format."""
    out = op(x, weight, *how)
    last = torch.channels_last
    given = x.ndim == 4 and any(t.is_contiguous(memory_format=last) for t in (x, weight))
    return torch.empty_like(out, memory_format=last) if given else out


def group_norm(op: Any, x: Tensor, *args: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return native_group_norm of (x, weight, bias, N, C, HW, groups, eps)."""
    return statistics(x, (args[2], args[5]))


def layer_norm(op: Any, x: Tensor, shape: Sequence[int], *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return native_layer_norm over the last dimensions, `shape`."""
    return statistics(x, (*x.shape[: x.ndim - len(shape)], *[1] * len(shape)))


def statistics(x: Tensor, shape: tuple[int, ...]) -> tuple[Tensor, Tensor, Tensor]:
    """Return a normalised x, and its mean and standard deviation of the given shape."""
    mean = x.new_empty(shape, dtype=torch.promote_types(x.dtype, torch.float32))
    return torch.empty_like(x), mean, torch.empty_like(mean)


def batch_norm(op: Any, x: Tensor, *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return native_batch_norm in evaluation mode, which computes no statistics."""
    return torch.empty_like(x), x.new_empty(0), x.new_empty(0)


def norm_back(op: Any, grad: Tensor, x: Tensor, *_: Any) -> tuple[Tensor, None, None]:
    """Return the gradient of a normalisation with frozen weights."""
    return torch.empty_like(x), None, None


def attention(op: Any, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any) -> tuple[Tensor, ...]:
    """Return attention of (B, heads, L, D), and the log-sum-exp of each query."""
    out = q.new_empty(q.shape[0], q.shape[2], q.shape[1], v.shape[3]).transpose(1, 2)
    return out, q.new_empty(q.shape[:3], dtype=torch.float32)


def attention_back(
    op: Any, grad: Tensor, q: Tensor, k: Tensor, v: Tensor, *_: Any, **__: Any
) -> tuple[Tensor, ...]:
    """Return the gradients of attention."""
    return torch.empty_like(q), torch.empty_like(k), torch.empty_like(v)


WEIGHT = {
    aten.convolution.default: 1,
    aten.convolution_backward.default: 2,
}  # argument
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
        elementwise,
    ),
    **dict.fromkeys(
        (
            *(aten.silu_backward.default, aten.gelu_backward.default),
            *(aten.threshold_backward.default, aten.sigmoid_backward.default),
        ),
        elementwise_backward,
    ),
}


@contextmanager
def kernels(device: str) -> Iterator[None]:
    """Use the kernels of `device` ("cpu", "cuda", "mps", ...) on the meta device, for counting
    memory."""
    with (
        device_functions(device),
        replaced(devices, "on_cpu", lambda x: device == "cpu"),
    ):
        yield
