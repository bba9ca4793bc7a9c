"""The sizes that generators draw, and the defaults of one that draws with a model card."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.diffusion.unet_config import UNetConfig
from guided.generators.diffusion.settings import Diffusion
from guided.generators.pixels.settings import Pixels
from guided.generators.settings import GROUPS, LARGEST, GeneratorSettings, Sizes
from guided.models.cards import ModelCard, Recommended


@given(step=st.integers(1, 600), side=st.integers(-100, 20_000))
def test_the_nearest_side_is_the_nearest_multiple_that_can_be_drawn(step, side):
    """By looking at all of them. Of two that are equally near, either."""
    found = Sizes(step, (step, step)).nearest(side)
    drawable = range(step, LARGEST + 1, step)
    assert found in drawable
    assert abs(found - side) == min(abs(one - side) for one in drawable)


def test_a_generator_of_a_model_card_draws_multiples_of_what_its_unet_halves():
    """A U-Net of four levels halves three times, to one pixel at least."""
    unet = UNetConfig(image_size=32, num_channels=32, channel_mult=[1, 1, 1, 1])
    card = ModelCard(
        name="x", file="x.pt", size=[64, 48], unet=unet, recommended=Recommended(steps=33)
    )
    sizes = Diffusion().sizes(card)
    assert (sizes.step, sizes.default, sizes.comfortable) == (8, (64, 48), (64, 48))
    assert Diffusion().steps(card) == 33


def test_a_generator_without_settings_of_its_own_uses_every_group_and_stays_as_it_is():
    class Plain(GeneratorSettings):
        name = "plain"

    settings = Plain()
    assert Plain.uses == GROUPS == ("model", "secondary", "sampler")
    assert settings.recompute is False  # asked for by nobody
    assert settings.resolve_auto((8, 8), 5) is settings


def test_generators_say_what_they_ignore():
    """Pixels draws without a model; its sizes are its own."""
    card = ModelCard(name="x", file="x.pt", size=[64, 48])
    assert set(Pixels.uses) < set(GROUPS)
    assert Pixels().sizes(card).step == 1
    assert Pixels().sizes(card).default != (64, 48)


@pytest.mark.parametrize(
    ("size", "drawn", "times"),
    [
        ((512, 512), [32, 32], 16),
        ((768, 512), [48, 32], 16),
        ((96, 96), [32, 32], 3),
        ((128, 64), [40, 24], 3),  # 42.7 and 21.3, of multiples of 8
        ((2048, 2048), [128, 128], 16),  # no output enlarges more
    ],
)
def test_a_size_far_above_is_made_by_enlarging(size, drawn, times):
    """The nearest multiple of 8 of the size divided by the factor."""
    sizes = Sizes(8, (32, 32), (32, 32))
    assert sizes.is_far_above(size) == (size[0] * size[1] > 4 * 32 * 32)
    assert sizes.enlarged(size) == (drawn, times)


def test_up_to_twice_the_sides_no_size_is_far_above():
    assert not Sizes(8, (32, 32), (32, 32)).is_far_above((64, 64))
    assert not Sizes(8, (32, 32)).is_far_above((8192, 8192))
