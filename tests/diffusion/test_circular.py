"""Networks whose images have no edge: what is rolled goes in, what comes out is rolled."""

import pytest
import torch
from torch import Tensor, nn

from guided.diffusion.circular import Conv2d, set_rings
from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from tests.doubles import randomised, relative

RINGS = {"x": (True, False), "y": (False, True), "both": (True, True)}


def images(height: int, width: int, channels: int = 3) -> Tensor:
    rng = torch.Generator().manual_seed(0)
    return torch.randn(1, channels, height, width, generator=rng)


@pytest.mark.parametrize("stride", [1, 2])
def test_a_circular_convolution_is_that_of_torch(stride: int) -> None:
    ours = Conv2d(4, 5, 3, stride=stride, padding=1)
    theirs = nn.Conv2d(4, 5, 3, stride=stride, padding=1, padding_mode="circular")
    theirs.load_state_dict(ours.state_dict())
    x = images(6, 8, 4)
    set_rings(ours, (True, True))
    assert relative(ours(x), theirs(x)) < 1e-6


def unet(updown: bool) -> nn.Module:
    config = UNetConfig(
        image_size=16, num_channels=32, channel_mult=[1, 2], num_res_blocks=1,
        attention_resolutions=[8], num_head_channels=32, resblock_updown=updown, patch=2,
    )  # fmt: skip
    return randomised(UNet(config), seed=1).eval().requires_grad_(False)


def secondary() -> nn.Module:
    return randomised(SecondaryModel(), seed=1).eval().requires_grad_(False)


@pytest.mark.parametrize("axis", RINGS)
@pytest.mark.parametrize("kind", ["U-Net", "U-Net, convolutions down", "secondary"])
def test_a_network_commutes_with_a_shift_by_its_coarsest_pixel(kind: str, axis: str) -> None:
    """Along the axes of the ring, and along no other: there the edge is seen."""
    if kind == "secondary":
        net, x, t, step = secondary(), images(64, 64), torch.tensor([0.5]), 32
    else:
        net, x, t, step = unet("down" not in kind), images(16, 24), torch.tensor([500.0]), 4
    set_rings(net, RINGS[axis])
    out = net(x, t)
    for dim, name in ((3, "x"), (2, "y")):
        difference = relative(net(x.roll(step, dim), t), out.roll(step, dim))
        assert difference < 1e-4 if axis in (name, "both") else difference > 1e-2
    set_rings(net, (False, False))
    plain = net(x, t)
    assert relative(out, plain) > 1e-3
    assert torch.equal(net(x, t), plain)
