"""Reading weights from files, safely: tensors only, never code."""

import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor

from guided.errors import BadInput, shown
from guided.models.pickle_check import SLACK, check_pickles, is_zip
from guided.models.weights_file import SAFETENSORS, find_prefix

log = logging.getLogger(__name__)
DEEPEST = 16  # nested dictionaries
ADVICE = re.compile(r"\n|\. |weights_only")  # where the advice in torch's error messages begins

# Classes that PyTorch Lightning's checkpoints name as keys of a dictionary, beside the tensors.
KEYS = tuple(
    f"{module}.callbacks.{name}"
    for module in ("pytorch_lightning", "lightning.pytorch")
    for name in (
        *("model_checkpoint.ModelCheckpoint", "lr_monitor.LearningRateMonitor"),
        *("early_stopping.EarlyStopping", "base.Callback"),
    )
)


class Unread:
    """Stands for a class of `KEYS`, none of whose code is imported."""


def read(path: Path, shapes_only: bool = False) -> dict[str, Tensor]:
    """Return the tensors of a .safetensors or a .pt/.pth/.ckpt file, on the CPU; those of nested
    dictionaries under dotted names. BadInput if the file is damaged or holds more than plain data.

    With `shapes_only` the tensors of large files are on the meta device."""
    place = "meta" if shapes_only and is_zip(path) else "cpu"
    try:
        if path.suffix.lower() == SAFETENSORS:
            from safetensors.torch import load_file

            return load_file(path)
        check_pickles(path)
        mmap = place == "cpu" and is_zip(path)
        with torch.serialization.safe_globals([(Unread, name) for name in KEYS]):
            content = torch.load(path, map_location=place, weights_only=True, mmap=mmap)
        tensors = dict(flat(content, set())) if isinstance(content, Mapping) else {}
        check_sizes(tensors, path)
    except BadInput:
        raise
    except UnpicklingError as error:
        raise BadInput(f"{path} {foreign(str(error))}") from error
    except RecursionError as error:
        raise BadInput(f"{path} cannot be read as weights: it is nested too deeply") from error
    except (LookupError, TypeError, AttributeError, UnicodeError, EOFError) as error:
        raise BadInput(f"{path} cannot be read as weights: it is damaged") from error
    except Exception as error:
        reason = shown(ADVICE.split(str(error) or type(error).__name__)[0].strip())
        raise BadInput(f"{path} cannot be read as weights: {reason}") from error
    if not tensors:
        raise BadInput(f"{path} holds no dictionary of tensors")
    return tensors


def foreign(error: str) -> str:
    """Return the message for torch's UnpicklingError: the foreign type, without torch's
    advice to open the file anyway."""
    kind = re.search(r"GLOBAL ([\w.]+)", error)
    if kind is None:
        return "is damaged, or holds more than tensors, and is not opened"
    return (
        f"holds more than tensors, {shown(kind[1])}, and is not opened; in the program that wrote "
        "it, save the tensors alone: torch.save(model.state_dict(), 'weights.pt')"
    )


def check_sizes(tensors: Mapping[str, Tensor], path: Path) -> None:
    """Raise BadInput if tensors are sparse, or have more elements than the file can hold."""
    most = 2 * path.stat().st_size + SLACK
    for name, tensor in tensors.items():
        if tensor.layout != torch.strided:
            raise BadInput(f"{path} is not opened: {shown(name)} is a sparse tensor")
        if max(tensor.numel(), tensor.untyped_storage().nbytes()) > most:
            raise BadInput(f"{path} is not opened: {shown(name)} is larger than the file")


def flat(
    content: Mapping[Any, Any], seen: set[int], prefix: str = "", inside: tuple[int, ...] = ()
) -> Iterator[tuple[str, Tensor]]:
    """Yield tensors by dotted names, and leave out other values.

    `seen` holds the ids of dictionaries already visited, which are not visited again; `inside`
    those around the present one. ValueError for dictionaries nested too deeply or in a circle."""
    if id(content) in inside or len(inside) == DEEPEST:
        raise ValueError("its dictionaries are nested too deeply, or hold themselves")
    if id(content) in seen:
        return
    seen.add(id(content))
    for key, value in content.items():
        if torch.is_tensor(value):
            yield f"{prefix}{key}", value
        elif isinstance(value, Mapping):
            yield from flat(value, seen, f"{prefix}{key}.", (*inside, id(content)))


def unwrapped(tensors: dict[str, Tensor], anchor: str) -> dict[str, Tensor]:
    """Return the tensors by the network's own names, without a training's prefix (`module.`,
    `ema.`). `anchor`: a name that every such network has."""
    prefix = find_prefix(tensors, anchor) or ""
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}
