"""Networks without random weights."""

import torch
from torch import nn

from guided.compat.uninitialised import Uninitialised


class Small(nn.Module):
    """A network with the layers of a CLIP."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(5, 8)
        self.attention = nn.MultiheadAttention(8, 2)
        self.norm, self.convolution = nn.LayerNorm(8), nn.Conv2d(3, 8, 2)
        nn.init.normal_(self.words.weight, std=0.02)
        nn.init.trunc_normal_(tensor=self.convolution.weight)


def test_nothing_is_drawn_and_loaded_weights_are_those_of_the_file():
    drawn = Small().state_dict()
    before = torch.get_rng_state()
    with Uninitialised():
        network = Small()
    assert torch.equal(torch.get_rng_state(), before)
    network.load_state_dict(drawn)
    assert all(torch.equal(value, drawn[name]) for name, value in network.state_dict().items())


def test_constants_are_as_ever_and_random_numbers_are_drawn_afterwards():
    with Uninitialised():
        norm = nn.LayerNorm(8)
    assert torch.equal(norm.weight, torch.ones(8)) and not norm.bias.any()
    assert nn.Linear(100, 100).weight.std() > 0.01
