"""A StyleGAN2 with the weights that its card names."""

from __future__ import annotations

import torch
from torch import Tensor

from guided.generators.stylegan.card import AVERAGE, StyleganCard, names_of
from guided.generators.stylegan.network import Mapping, StyleGAN2
from guided.models.load import check
from guided.models.weights import read

SAMPLES = 4096  # latents that the mean is taken of, where a file does not have it


def load_stylegan(card: StyleganCard, device: torch.device) -> StyleGAN2:
    """Return the card's network, frozen, on the device, in float32. BadInput if the file does not
    fit the card."""
    path = card.path()
    with torch.device("meta"):
        network = StyleGAN2(card.network)
    expected = network.state_dict()
    held = read(path)
    tensors = {ours: held[theirs] for ours, theirs in names_of(held).items()}
    averaged = AVERAGE in tensors
    tensors.setdefault(AVERAGE, torch.zeros(card.network.width))
    tensors = {name: shaped(tensor, expected.get(name)) for name, tensor in tensors.items()}
    check(expected, tensors, path)
    floats = {name: tensor.float() for name, tensor in tensors.items()}
    network.load_state_dict(floats, strict=True, assign=True)
    network.requires_grad_(False).eval()
    if not averaged:
        network.mapping.w_avg = mean_latent(network.mapping, card.network.latent)
    return network.to(device)


def shaped(tensor: Tensor, like: Tensor | None) -> Tensor:
    """Return a tensor in the shape of `like` if it differs by axes of length 1, as those of other
    programs do; else as it is."""
    if like is None or [n for n in tensor.shape if n > 1] != [n for n in like.shape if n > 1]:
        return tensor
    return tensor.reshape(like.shape)


@torch.no_grad()
def mean_latent(mapping: Mapping, latent: int) -> Tensor:
    """Return the mean latent w (width,), always of the same latents z."""
    generator = torch.Generator().manual_seed(0)
    return mapping(torch.randn((SAMPLES, latent), generator=generator)).mean(0)
