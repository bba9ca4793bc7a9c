"""Copies of networks on the meta device."""

from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig
from guided.memory.estimate import held
from guided.memory.meta_copies import meta_copy


def test_a_network_without_numbers_shares_none_with_the_real_one() -> None:
    net = UNet(UNetConfig(image_size=8, num_channels=32, channel_mult=[1], num_res_blocks=1))
    shell = meta_copy(net)
    assert all(t.is_meta for t in held(shell)) and not any(t.is_meta for t in held(net))
    assert [t.shape for t in held(shell)] == [t.shape for t in held(net)]
