"""A StyleGAN2 from a file of either format makes the pictures of the network that was saved."""

from __future__ import annotations

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from guided.config.catalog import card_for
from guided.errors import BadInput
from guided.generators.stylegan.card import StyleganCard
from guided.generators.stylegan.loading import load_stylegan
from guided.generators.stylegan.network import StyleGAN2
from tests.doubles import randomised
from tests.generators.stylegan.test_card import NAMINGS, SMALL

CPU = torch.device("cpu")


@pytest.fixture
def network() -> StyleGAN2:
    net = randomised(StyleGAN2(SMALL), seed=3).eval().requires_grad_(False)
    for buffer in net.buffers():
        buffer.copy_(torch.randn(buffer.shape, generator=torch.Generator().manual_seed(4)))
    return net


def saved(tensors: dict[str, Tensor], tmp_path) -> StyleganCard:
    path = tmp_path / "own.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, path)
    card = card_for(path)
    assert isinstance(card, StyleganCard)
    return card


@pytest.mark.parametrize("naming", NAMINGS)
def test_a_file_makes_the_pictures_of_the_network_that_was_saved(naming, network, tmp_path):
    loaded = load_stylegan(saved(NAMINGS[naming](network.state_dict()), tmp_path), CPU)
    latents = torch.randn(2, SMALL.styles, SMALL.width)
    assert torch.allclose(loaded(latents), network(latents), atol=1e-5)
    assert torch.equal(loaded.mapping.w_avg, network.mapping.w_avg)
    assert not any(weight.requires_grad for weight in loaded.parameters())


def test_a_mean_that_the_file_lacks_is_that_of_many_latents(network, tmp_path) -> None:
    tensors = network.state_dict()
    del tensors["mapping.w_avg"]
    loaded = load_stylegan(saved(tensors, tmp_path), CPU)
    many = network.mapping(torch.randn(100_000, SMALL.latent))
    error = (loaded.mapping.w_avg - many.mean(0)).abs() / many.std(0)
    assert error.max() < 5 / 64  # standard deviations of a mean of 4096


def test_tensors_that_do_not_fit_are_named(network, tmp_path) -> None:
    tensors = network.state_dict() | {"synthesis.b8.conv1.affine.bias": torch.zeros(99)}
    with pytest.raises(BadInput, match=r"does not fit its card: synthesis.b8.conv1.affine.bias"):
        load_stylegan(saved(tensors, tmp_path), CPU)
