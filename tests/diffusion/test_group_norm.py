"""Group normalisation against its definition in float64."""

import pytest
import torch
from torch import Tensor

from guided.diffusion.group_norm import LARGE, GroupNorm
from tests.doubles import relative


def defined(x: Tensor, layer: GroupNorm) -> Tensor:
    """Wu and He, equations 1 to 4 and 7, in float64."""
    groups = x.double().reshape(len(x), layer.num_groups, -1)
    mean = groups.mean(2, keepdim=True)
    variance = (groups - mean).square().mean(2, keepdim=True)
    flat = ((groups - mean) / (variance + layer.eps).sqrt()).view(x.shape)
    weight, bias = (p.detach().double().view(1, -1, 1, 1) for p in (layer.weight, layer.bias))
    return flat * weight + bias


def test_images_are_of_both_kinds() -> None:
    """Those below that are small, and those that are not."""
    assert 96 * 8 * 8 < LARGE < 64 * 40 * 72


@pytest.mark.parametrize("shape", [(2, 64, 40, 72), (1, 32, 3, 1), (3, 96, 8, 8)])
@pytest.mark.parametrize("mean, spread", [(0.0, 1.0), (10.0, 0.05), (-300.0, 2.0)])
def test_far_from_zero_it_is_as_exact_as_near(
    shape: tuple[int, ...], mean: float, spread: float
) -> None:
    rng = torch.Generator().manual_seed(3)
    layer = GroupNorm(32, shape[1]).requires_grad_(False)
    for parameter in layer.parameters():
        parameter.normal_(generator=rng)
    x = torch.randn(shape, generator=rng) * spread + mean
    x[:, :, 0, 0] += 20 * spread  # a corner need not be like the rest
    x = x.to(memory_format=torch.channels_last).requires_grad_()
    pull = torch.randn(shape, generator=rng)
    expected = defined(x, layer)
    out = layer(x)
    assert relative(out.detach(), expected.detach()) < 1e-5
    mine, true = (torch.autograd.grad((y * pull).sum(), x)[0] for y in (out, expected))
    assert relative(mine, true) < 1e-4


def test_weights_that_learn_get_their_gradient() -> None:
    layer = GroupNorm(32, 64)
    x = torch.randn(2, 64, 40, 72).to(memory_format=torch.channels_last).requires_grad_()
    layer(x).square().sum().backward()
    assert layer.weight.grad is not None and layer.bias.grad is not None
