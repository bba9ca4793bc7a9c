"""Networks of latent diffusion models with the weights that their cards name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn

from guided.generators.latent.card import DecoderCard, LatentCard
from guided.generators.latent.config import LENGTH
from guided.generators.latent.names import Place, text_names, unet_names, vae_names
from guided.generators.latent.network import LatentNetworks, TinyDecoder
from guided.models.load import check
from guided.models.weights import read


def load_latent(card: LatentCard, device: torch.device, dtype: torch.dtype) -> LatentNetworks:
    """Return the card's networks, frozen, on the device: U-Net and text encoder in `dtype`, the
    autoencoder in float32. BadInput if a file does not fit the card."""
    files = card.files()
    with torch.device("meta"):
        networks = LatentNetworks(card.unet, card.vae, card.text)
    held = cache(read)  # a single file once
    unet = unet_names(held(files["unet"]), networks.unet.state_dict())
    vae = vae_names(held(files["vae"]))
    text = text_names(held(files["text_encoder"]))
    fill(networks.unet, held(files["unet"]), whole(unet), files["unet"], dtype)
    fill(networks.vae, held(files["vae"]), whole(vae), files["vae"], torch.float32)
    fill(networks.text, held(files["text_encoder"]), text, files["text_encoder"], dtype)
    networks.text.embeddings.position_ids = torch.arange(LENGTH)[None]  # which no file has to hold
    return networks.requires_grad_(False).eval().to(device)


def load_decoder(card: DecoderCard, device: torch.device) -> TinyDecoder:
    """Return the card's decoder, frozen, on the device, in float32. BadInput if the file does not
    fit."""
    path = card.path()
    with torch.device("meta"):
        decoder = TinyDecoder()
    held = read(path)
    fill(decoder.net, held, {name: (name, None) for name in held}, path, torch.float32)
    return decoder.requires_grad_(False).eval().to(device)


def whole(names: Mapping[str, str]) -> dict[str, Place]:
    """Return the places of tensors by their names."""
    return {ours: (theirs, None) for ours, theirs in names.items()}


def fill(
    network: nn.Module,
    held: Mapping[str, Tensor],
    places: Mapping[str, Place],
    path: Path,
    dtype: torch.dtype,
) -> None:
    """Give a network on the meta device its tensors, which a file has at these places. BadInput if
    they are not all of its, in their shapes."""
    expected = network.state_dict()
    tensors = {ours: part(held[name], third) for ours, (name, third) in places.items()}
    tensors = {ours: shaped(tensor, expected.get(ours)) for ours, tensor in tensors.items()}
    check(expected, tensors, path)
    # Copied, because a part of a tensor would keep the whole of it.
    tensors = {ours: tensor.to(dtype, copy=True) for ours, tensor in tensors.items()}
    network.load_state_dict(tensors, strict=True, assign=True)


def part(tensor: Tensor, third: int | None) -> Tensor:
    """Return a third of a tensor, or all of it."""
    return tensor if third is None else tensor.chunk(3)[third]


def shaped(tensor: Tensor, like: Tensor | None) -> Tensor:
    """Return the weights of a convolution of one pixel as those of a fully connected layer where
    the network has one; others as they are."""
    if like is None or like.ndim != 2 or tensor.shape != (*like.shape, 1, 1):
        return tensor
    return tensor[..., 0, 0]
