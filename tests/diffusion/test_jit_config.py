"""The configuration of a JiT: derived sizes, and values that cannot be built."""

import pytest

from guided.diffusion.jit_config import JiTConfig


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"patch": 0}, "patch=0"),
        ({"image_size": 250}, "image_size=250 is no multiple of patch=16"),
        ({"width": 770}, "width=770 is no multiple of 4 times heads=12"),
        ({"heads": 0}, "heads=0"),
        ({"context_start": 12}, "context_start=12"),
        ({"noise": 0}, "noise=0"),
        ({"classes": -1}, "classes=-1"),
        ({"depth": 10**9}, "depth=1000000000"),
    ],
)
def test_what_cannot_be_built_is_named(wrong: dict[str, int], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        JiTConfig(**wrong)


@pytest.mark.parametrize(
    ("width", "heads", "hidden"), [(768, 12, 2048), (1024, 16, 2730), (1280, 16, 3413)]
)
def test_gated_layers_are_as_wide_as_the_published_ones(
    width: int, heads: int, hidden: int
) -> None:
    assert JiTConfig(width=width, heads=heads).hidden == hidden


def test_a_picture_has_as_many_patches_a_side_as_fit() -> None:
    assert JiTConfig().side == JiTConfig(image_size=512, patch=32).side == 16
    assert JiTConfig().num_classes == 0
