"""The networks have the published models' numbers of parameters."""

import pytest
import torch
from torch import nn

from guided.config import card_list
from guided.generators.latent.card import LatentCard
from guided.generators.latent.network import TinyDecoder
from guided.generators.latent.settings import Latent

CARDS = {name: card for name, card in card_list.weights("model") if isinstance(card, LatentCard)}


def count(network: nn.Module) -> int:
    return sum(tensor.numel() for tensor in network.parameters())


@pytest.mark.parametrize(
    ("name", "unet", "text"),
    [("sd15", 859_520_964, 123_060_480), ("sd21_base", 865_910_724, 340_387_840)],
)
def test_cards_are_of_networks_with_the_published_numbers_of_parameters(name, unet, text) -> None:
    with torch.device("meta"):
        made = Latent().network(CARDS[name])
    assert (count(made.unet), count(made.vae), count(made.text)) == (unet, 83_653_863, text)
    assert made.vae.config.scaling_factor == 0.18215


def test_the_small_decoder_draws_eight_pixels_for_a_latent() -> None:
    with torch.device("meta"):
        made = TinyDecoder()
        assert made.decode(torch.zeros(2, 4, 3, 5)).shape == (2, 3, 24, 40)
    assert count(made) == 2_445_063


def test_recomputing_is_switched_on_and_off() -> None:
    with torch.device("meta"):
        networks = [Latent().network(CARDS["sd15"]), TinyDecoder()]
    for network in networks:
        for on in (True, False):
            network.checkpointing = on
            assert network.checkpointing is on
