"""Torch's functions on the meta device, as the kernels of real devices compute them.

On the meta device torch decomposes attention and group normalisation, which allocates other
tensors than the kernels do.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.compat.replacing import replaced

# The fused attention that every build of torch has.
FUSED = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu


@contextmanager
def device_functions(device: str) -> Iterator[None]:
    """Use the functions of `device` ("cpu", "cuda", "mps", ...): fused attention except on MPS;
    on a CPU a group normalisation that makes no contiguous copy of its input."""
    with ExitStack() as stack:
        if device != "mps":
            stack.enter_context(replaced(F, "scaled_dot_product_attention", fused_attention))
        if device == "cpu":
            stack.enter_context(replaced(F, "group_norm", group_norm))
        yield


def fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    **_: Any,
) -> Tensor:
    """Return scaled dot-product attention of (B, heads, L, D) without dropout."""
    return FUSED(q, k, v, 0.0, is_causal, attn_mask=attn_mask)[0]


def group_norm(
    x: Tensor,
    groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    """Return the group normalisation of x (N, C, ...)."""
    n, channels, *sides = x.shape
    pixels = torch.Size(sides).numel()
    return torch.native_group_norm(x, weight, bias, n, channels, pixels, groups, eps)[0]
