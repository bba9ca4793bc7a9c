"""Results of operators on the meta device, against those of real tensors."""

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.memory.allocations import AllocationCounter
from guided.memory.meta_kernels import kernels

OPERATORS: dict[str, Callable[[Tensor], Tensor]] = {
    "add": lambda x: x + x[:, :1],
    "mixed types": lambda x: x.half() * x,
    "compare": lambda x: x >= 0.5,
    "compare with a tensor": lambda x: x == x[:1],
    "matmul": lambda x: x @ x.transpose(2, 3),
    "linear": lambda x: F.linear(x, torch.ones(5, 8, device=x.device), x.new_ones(5)),
    "convolution": lambda x: F.conv2d(x, torch.ones(6, 4, 3, 3, device=x.device), stride=2),
    "group norm": lambda x: F.group_norm(x, 2),
    "layer norm": lambda x: F.layer_norm(x, (8,)),
    "batch norm": lambda x: F.batch_norm(x, x.new_zeros(4), x.new_ones(4)),
    "attention": lambda x: F.scaled_dot_product_attention(x, x, x),
    "samples": lambda x: F.grid_sample(x, x.new_zeros(2, 5, 7, 2), align_corners=False),
    "activations": lambda x: F.silu(x).sigmoid().exp().clamp(max=1),
}


@pytest.mark.parametrize("name", OPERATORS)
def test_shapes_types_and_formats_are_those_of_real_tensors(name: str) -> None:
    operator = OPERATORS[name]
    for memory_format in (torch.contiguous_format, torch.channels_last):
        x = torch.rand(2, 4, 8, 8).contiguous(memory_format=memory_format)
        real = operator(x)
        with kernels("cpu"), AllocationCounter():
            counted = operator(x.to("meta"))
        assert counted.is_meta
        assert (counted.shape, counted.dtype) == (real.shape, real.dtype)
        if "conv" in name:
            assert counted.stride() == real.stride()
