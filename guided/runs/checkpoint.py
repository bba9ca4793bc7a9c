"""A picture in the middle of being drawn, as a file: whoever is stopped goes on from it.

Safetensors, which cannot run code. Its fingerprint says what it belongs to: with other settings,
or after the program has changed, the steps still to come would not be those of the steps taken,
and the picture is begun anew. Knows nothing about samplers or batches.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.interfaces import State
from guided.paths import PACKAGE
from guided.runs import record
from guided.version import __version__

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)


def save(path: Path, state: State, fingerprint: str) -> None:
    """All of it or nothing; what was there before stays until then."""
    from safetensors.torch import save as packed

    # Cloned, because two of them may be one, which safetensors refuses.
    tensors = {name: plain(tensor) for name, tensor in state.items()}
    metadata = {"fingerprint": fingerprint, "sum": checksum(tensors)}
    record.write(path, packed(tensors, metadata), durable=True)


def load(path: Path, fingerprint: str) -> State | None:
    """None where there is none; and, with a line that says why, where there is one that is of no
    use."""
    from safetensors import SafetensorError, safe_open

    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                return refuse(path, "is of other settings or of another version of the program")
            state = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        return refuse(path, f"cannot be read ({error})")
    if metadata.get("sum") != checksum(state):
        return refuse(path, "is damaged")
    return state


def plain(tensor: Tensor) -> Tensor:
    import torch

    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def refuse(path: Path, why: str) -> None:
    log.warning("%s %s; that picture is begun anew", path, why)


def checksum(tensors: State) -> str:
    """A file may have its right length and yet not all of its bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(memoryview(as_bytes(tensor)))
    return digest.hexdigest()


def as_bytes(tensor: Tensor) -> Any:
    """What lies in memory, for any kind of number: NumPy knows no bfloat16."""
    import torch

    return tensor.reshape(-1).view(torch.uint8).numpy()


def fingerprint(*facts: Any) -> str:
    """Of all that the rest of a picture depends on: the given facts, by how they are written
    (tensors by their numbers), and the code that draws."""
    digest = hashlib.sha256(code().encode())
    for fact in facts:
        digest.update(b"\0" + written(fact))
    return digest.hexdigest()


def written(fact: Any) -> bytes:
    if hasattr(fact, "detach"):
        return checksum({"": plain(fact)}).encode()
    return repr(fact).encode()


@cache
def code() -> str:
    """Of this program as it is, release or not, and of torch, whose numbers differ in their last
    bits from version to version."""
    import torch

    digest = hashlib.sha256(f"{__version__} {torch.__version__}".encode())
    root = PACKAGE
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


@dataclass
class CheckpointWriter:
    """Where what is being drawn has got to, written down at most every so many seconds, so that
    small pictures never pay for it."""

    path: Path
    fingerprint: Callable[[], str]  # asked when it is needed
    every: float = 30.0  # seconds

    def __post_init__(self) -> None:
        self.written = time.monotonic()

    def found(self) -> State | None:
        return load(self.path, self.fingerprint()) if self.path.exists() else None

    def see(self, state: State | None) -> None:
        """To be called once everything that a frame leaves is written."""
        if state is not None and time.monotonic() - self.written >= self.every:
            self.keep(state)

    def keep(self, state: State) -> None:
        """Now. A disk that is full is no reason to stop drawing."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            save(self.path, state, self.fingerprint())
        except OSError as error:
            log.warning("where drawing has got to cannot be kept in %s: %s", self.path, error)
        self.written = time.monotonic()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
