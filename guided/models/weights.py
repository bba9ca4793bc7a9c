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

from guided.errors import BadInput, shown
from guided.models.pickle_check import SLACK, check_pickles
from guided.models.weights_file import SAFETENSORS, find_prefix

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
