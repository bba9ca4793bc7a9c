"""The configuration of a U-Net: derived sizes, and values that cannot be built."""

import pytest

from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import UNetConfig

SMALL = dict(
    image_size=16,
    num_channels=32,
    channel_mult=[1, 2],
    num_res_blocks=1,
    attention_resolutions=[8],
)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"patch": 0}, "patch=0"),
        ({"dense": -1}, "dense=-1"),
        ({"dense": 8}, "learn_sigma=false"),
        ({"dense": 8, "dense_hidden": -1, "learn_sigma": False}, "dense_hidden=-1"),
        ({"dense_hidden": 8}, "needs dense"),
        (
            {"dense": 8, "learn_sigma": False, "image_size": 18, "patch": 2},
            "multiple of 4, not 18",
        ),
    ],
)
def test_switches_that_cannot_be_are_named(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        UNetConfig(**{**SMALL, **wrong})


@pytest.mark.parametrize(
    "size, multipliers",
    [(512, [0.5, 1, 1, 2, 2, 4, 4]), (256, [1, 1, 2, 2, 4, 4]), (64, [1, 2, 3, 4])],
)
def test_multipliers_follow_the_image_size(size: int, multipliers: list[float]) -> None:
    chosen = UNetConfig(image_size=size)
    assert chosen.multipliers == multipliers
    assert chosen.divisor == 2 ** (len(multipliers) - 1)


def test_an_unknown_image_size_needs_multipliers() -> None:
    with pytest.raises(ValueError, match="image_size=96 needs channel_mult"):
        UNet(UNetConfig(image_size=96))
