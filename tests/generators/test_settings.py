"""The defaults of a generator that draws with a model card."""

from guided.diffusion.unet_config import UNetConfig
from guided.generators.diffusion.settings import Diffusion
from guided.generators.pixels.settings import Pixels
from guided.generators.settings import GROUPS, GeneratorSettings
from guided.models.cards import ModelCard, Recommended


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
