"""Weights from files, safely: tensors only, never code. Knows nothing about networks."""

import logging
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from guided.diffusion.secondary import SecondaryModel
from guided.diffusion.unet import UNet
from guided.errors import BadInput, shown
from guided.models.cards import ModelCard, SecondaryCard
from guided.models.pickle_check import SLACK, check_pickles
from guided.models.recognise import ANCHOR, find_prefix
from guided.models.weights_file import SAFETENSORS

log = logging.getLogger(__name__)
DEEPEST = 16  # dictionaries in each other
ADVICE = re.compile(r"\n|\. |weights_only")  # where torch's words on an error turn to advice


def read(path: Path, shapes_only: bool = False) -> dict[str, Tensor]:
    """The tensors of a .safetensors or a .pt/.pth/.ckpt file, on the CPU; those in dictionaries
    within it under dotted names. BadInput when it is damaged or holds anything but plain data.

    With `shapes_only` the tensors hold no numbers, and large files are not read."""
    place = "meta" if shapes_only and is_zip(path) else "cpu"
    try:
        if path.suffix.lower() == SAFETENSORS:
            from safetensors.torch import load_file

            return load_file(path)
        check_pickles(path)
        mmap = place == "cpu" and is_zip(path)
        found = torch.load(path, map_location=place, weights_only=True, mmap=mmap)
        tensors = dict(flat(found, set())) if isinstance(found, Mapping) else {}
        check_sizes(tensors, path)
    except BadInput:
        raise
    except UnpicklingError as error:
        raise BadInput(f"{path} {foreign(str(error))}") from error
    except RecursionError as error:
        raise BadInput(f"{path} cannot be read as weights: it is nested too deeply") from error
    except Exception as error:
        reason = shown(ADVICE.split(str(error) or type(error).__name__)[0].strip())
        raise BadInput(f"{path} cannot be read as weights: {reason}") from error
    if not tensors:
        raise BadInput(f"{path} holds no dictionary of tensors")
    return tensors


def foreign(error: str) -> str:
    """Return in words what torch found besides tensors, without its advice to open the file all
    the same."""
    kind = re.search(r"GLOBAL ([\w.]+)", error)
    if kind is None:
        return "is damaged, or holds more than tensors, and is not opened"
    return (
        f"holds more than tensors, {shown(kind[1])}, and is not opened; in the program that wrote "
        "it, save the tensors alone: torch.save(model.state_dict(), 'weights.pt')"
    )


def check_sizes(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise BadInput if tensors are sparse, or have more elements than the file has bytes for, as
    a small file can say of itself."""
    most = 2 * path.stat().st_size + SLACK
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise BadInput(f"{path} is not opened: {shown(name)} is a sparse tensor")
        if max(tensor.numel(), tensor.untyped_storage().nbytes()) > most:
            raise BadInput(f"{path} is not opened: {shown(name)} is larger than the file")


def flat(
    found: Mapping[Any, Any], seen: set[int], prefix: str = "", inside: tuple[int, ...] = ()
) -> Iterator[tuple[str, Tensor]]:
    """Tensors by dotted names; epochs, options and the like are left out. A dictionary that is in
    several places is looked into once, when it is first `seen`. ValueError when dictionaries,
    `inside` each other, go too deep or in a circle."""
    if id(found) in inside or len(inside) == DEEPEST:
        raise ValueError("its dictionaries are nested too deeply, or hold themselves")
    if id(found) in seen:
        return
    seen.add(id(found))
    for key, value in found.items():
        if torch.is_tensor(value):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from flat(value, seen, f"{prefix}{key}.", (*inside, id(found)))


def unwrapped(tensors: dict[str, Tensor], anchor: str) -> dict[str, Tensor]:
    """The network's own names, without what a training put before them (`module.`, `ema.`)."""
    prefix = find_prefix(tensors, anchor) or ""
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}


def is_zip(path: Path) -> bool:
    """Files from before torch 1.6 cannot be mapped into memory."""
    return zipfile.is_zipfile(path)


def load_unet(card: ModelCard, device: torch.device, dtype: torch.dtype) -> UNet:
    """The card's network, frozen, on the device. BadInput when the file does not fit the card."""
    path = card.path()
    with torch.device("meta"):
        unet = UNet(card.unet)
    tensors = unwrapped(read(path), ANCHOR)
    check(unet.state_dict(), tensors, path)
    # Shipped weights are float16 to be small; the network is set to its own precision below.
    unet.load_state_dict({k: t.float() for k, t in tensors.items()}, strict=True, assign=True)
    # In its format before it moves: in float32 it may not fit.
    return unet.requires_grad_(False).eval().set_precision(dtype).to(device)


def load_compiled(card: ModelCard, device: torch.device, dtype: torch.dtype) -> UNet:
    """As `load_unet`; torch's compiler writes it anew when it is first used, and for each number
    and size of images."""
    unet = load_unet(card, device, dtype)
    log.info("the first step compiles the U-Net, once: a minute or more")
    unet.compile(dynamic=False)
    return unet


def load_secondary(card: SecondaryCard, device: torch.device) -> SecondaryModel:
    """The card's network, frozen, on the device, in float32, since it is cheap. BadInput when
    the file does not fit."""
    path = card.path()
    with torch.device("meta"):
        model = SecondaryModel()
    tensors = unwrapped(read(path), "timestep_embed.weight")
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
