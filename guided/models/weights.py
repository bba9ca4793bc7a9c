"""Weights from files, safely: tensors only, never code. Knows nothing about networks."""

import zipfile
from pathlib import Path
from pickle import UnpicklingError

import torch
from torch import Tensor

from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.models.cards import ModelCard, SecondaryCard


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a .safetensors or a .pt/.pth/.ckpt file, on the CPU. BadInput when it is
    damaged or holds anything but tensors."""
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            return load_file(path)
        tensors = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip(path))
    except UnpicklingError as error:
        raise BadInput(f"{path} holds more than tensors and is not opened: {error}") from error
    except Exception as error:
        raise BadInput(f"{path} cannot be read as weights: {error}") from error
    if not isinstance(tensors, dict) or not all(torch.is_tensor(t) for t in tensors.values()):
        raise BadInput(f"{path} holds no plain dictionary of tensors")
    return tensors


def is_zip(path: Path) -> bool:
    """Files from before torch 1.6 cannot be mapped into memory."""
    return zipfile.is_zipfile(path)


def load_unet(card: ModelCard, device: torch.device, dtype: torch.dtype) -> UNet:
    """The card's network, frozen, on the device. BadInput when the file does not fit the card."""
    path = card.path()
    with torch.device("meta"):
        unet = UNet(card.unet)
    tensors = read(path)
    check(unet.state_dict(), tensors, path)
    # Shipped weights are float16 to be small; the network is set to its own precision below.
    unet.load_state_dict({k: t.float() for k, t in tensors.items()}, strict=True, assign=True)
    return unet.requires_grad_(False).eval().to(device).set_precision(dtype)


def load_secondary(card: SecondaryCard, device: torch.device) -> SecondaryModel:
    """The card's network, frozen, on the device, in float32, since it is cheap. BadInput when
    the file does not fit."""
    path = card.path()
    with torch.device("meta"):
        model = SecondaryModel()
    tensors = read(path)
    check(model.state_dict(), tensors, path)
    model.load_state_dict({k: t.float() for k, t in tensors.items()}, strict=True, assign=True)
    return model.requires_grad_(False).eval().to(device)


def check(wanted: dict[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    """One line about the first difference, instead of a page about all of them."""
    missing, unknown = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing or unknown:
        example = f"{missing[0]} is missing" if missing else f"{unknown[0]} is unknown"
        raise BadInput(
            f"{path} does not fit its card: {len(missing)} tensors missing, {len(unknown)} "
            f"unknown ({example})"
        )
    for key, tensor in wanted.items():
        if tensor.shape != found[key].shape:
            raise BadInput(
                f"{path} does not fit its card: {key} is {tuple(found[key].shape)}, "
                f"expected {tuple(tensor.shape)}"
            )
