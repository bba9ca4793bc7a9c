"""The configuration of a StyleGAN2: derived sizes, and values that cannot be built."""

import pytest

from guided.generators.stylegan.config import StyleganConfig


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": []}, "channels="),
        ({"channels": [8] * 12}, "must be of 1 to 11 blocks"),
        ({"channels": [8, 0]}, "channels=0"),
        ({"latent": 0}, "latent=0"),
        ({"width": 10**9}, "width=1000000000"),
        ({"layers": 0}, "layers=0"),
    ],
)
def test_what_cannot_be_built_is_named(wrong: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        StyleganConfig(**wrong)


def test_every_block_doubles_the_size_and_has_two_styles() -> None:
    assert StyleganConfig().image_size == 1024 and StyleganConfig().styles == 18
    assert StyleganConfig(channels=[8, 8, 4]).sizes == [4, 8, 16]
