"""Configurations of latent diffusion models that can be built."""

import pytest

from guided.generators.latent.config import TextShape, UNetShape, VAEShape


@pytest.mark.parametrize(
    ("shape", "setting"),
    [
        (UNetShape, {"channels": [33]}),
        (UNetShape, {"channels": []}),
        (UNetShape, {"heads": [8]}),
        (UNetShape, {"heads": [7, 7, 7, 7]}),
        (UNetShape, {"attention": [4]}),
        (UNetShape, {"layers": 0}),
        (UNetShape, {"context": 10**6}),
        (VAEShape, {"channels": [16]}),
        (VAEShape, {"scaling": 0}),
        (TextShape, {"activation": "relu"}),
        (TextShape, {"padding": 49408}),
        (TextShape, {"heads": 11}),
    ],
)
def test_what_cannot_be_built_is_named(shape: type, setting: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(setting))):
        shape(**setting)


def test_a_latent_stands_for_eight_pixels_in_stable_diffusion() -> None:
    assert VAEShape().divisor == 8 and VAEShape([32, 32]).divisor == 2
