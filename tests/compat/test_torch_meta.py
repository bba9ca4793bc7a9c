"""The stand-ins for torch's functions: the same results, shapes and parameters as torch's own."""

import inspect

import pytest
import torch
import torch.nn.functional as F

from guided.compat.torch_meta import device_functions, fused_attention, group_norm

ATTENTION, GROUP_NORM = F.scaled_dot_product_attention, F.group_norm


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(len(shape)))


@pytest.mark.parametrize("causal", [False, True])
def test_attention_gives_what_torch_gives(causal: bool) -> None:
    q, k, v = (numbers(2, 3, 5, 8) + i for i in range(3))
    found = fused_attention(q, k, v, is_causal=causal)
    assert torch.allclose(found, ATTENTION(q, k, v, is_causal=causal), atol=1e-5)


def test_group_norm_gives_what_torch_gives() -> None:
    x, weight, bias = numbers(2, 8, 3, 4), numbers(8), numbers(8) + 1
    found = group_norm(x, 4, weight, bias, 1e-3)
    assert torch.allclose(found, GROUP_NORM(x, 4, weight, bias, 1e-3), atol=1e-5)


def test_group_norm_takes_the_arguments_that_torch_takes() -> None:
    theirs, ours = (list(inspect.signature(f).parameters) for f in (GROUP_NORM, group_norm))
    assert len(theirs) == len(ours) and theirs[2:] == ours[2:]


@pytest.mark.parametrize("device, attention, norm", [
    ("cpu", fused_attention, group_norm), ("cuda", fused_attention, GROUP_NORM),
    ("mps", ATTENTION, GROUP_NORM),
])  # fmt: skip
def test_functions_are_those_of_the_device_for_as_long_as_the_block_lasts(
    device: str, attention: object, norm: object
) -> None:
    with device_functions(device):
        assert F.scaled_dot_product_attention is attention and F.group_norm is norm
    assert F.scaled_dot_product_attention is ATTENTION and F.group_norm is GROUP_NORM
