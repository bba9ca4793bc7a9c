"""Counted allocations against those of torch's own allocator."""

import pytest
import torch

from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.memory.allocations import AllocationCounter
from guided.memory.estimate import held
from guided.memory.meta_copies import meta_copy
from guided.memory.meta_kernels import kernels
from tests.doubles import allocated, on_one_thread


def back_and_forth(net: UNet, x: torch.Tensor) -> torch.Tensor:
    out = net(x, torch.full((1,), 500.0, device=x.device))
    return torch.autograd.grad(out, x, torch.empty_like(out))[0]


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("old", [False, True])
def test_a_u_net_needs_what_was_counted_without_numbers(checkpointing: bool, old: bool) -> None:
    config = UNetConfig(
        image_size=64,
        num_channels=32,
        channel_mult=[1, 2, 2],
        attention_resolutions=[32, 16],
        num_head_channels=32,
        resblock_updown=not old,
        use_scale_shift_norm=not old,
    )
    net = UNet(config).requires_grad_(False).eval().set_precision(torch.float32)
    net.checkpointing = checkpointing
    shell = meta_copy(net)
    x = torch.empty(1, 3, 64, 64, device="meta", requires_grad=True)
    with kernels("cpu"), AllocationCounter([*held(shell), x]) as ledger:
        back_and_forth(shell, x)
    real = torch.randn(1, 3, 64, 64, requires_grad=True)
    with on_one_thread():
        measured = allocated(lambda: back_and_forth(net, real))
    assert ledger.peak == pytest.approx(measured, rel=0.15)
    assert ledger.live == 0  # and nothing is left
