"""Checkpoints of unfinished pictures, in safetensors files.

A checkpoint has a fingerprint of everything that the remaining steps depend on. With other
settings, or after a change of the code that decides pixels, it is refused and the picture is
begun anew.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.interfaces import State
from guided.paths import PACKAGE
from guided.runs import files

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)

# Folders and files of the package whose code decides a picture's pixels.
PIXEL_CODE = (
    *(
        "animation",
        "canvas",
        "clip",
        "compat",
        "cutouts",
        "diffusion",
        "generators",
        "guides",
        "prompts",
    ),
    *("models/load.py", "models/weights.py", "models/weights_file.py"),
    *("models/clip_config.py", "models/clip_keys.py", "models/open_clip_registry.py"),
    *("devices.py", "images.py", "interfaces.py", "oom.py", "pipeline.py", "rng.py"),
    *("schedule.py", "text.py", "timeline.py"),
)


def save(path: Path, state: State, fingerprint: str) -> None:
    """Write a checkpoint atomically."""
    from safetensors.torch import save as serialize

    # Copied, because two entries may share one tensor, which safetensors refuses.
    tensors = {name: contiguous(tensor) for name, tensor in state.items()}
    metadata = {"fingerprint": fingerprint, "sum": checksum(tensors)}
    files.write(path, serialize(tensors, metadata), durable=True)


def load(path: Path, fingerprint: str) -> State | None:
    """Return the state in a checkpoint. None if there is no file, or, with a warning that gives
    the reason, if it cannot be used."""
    if not path.exists():
        return None
    try:
        return read(path, fingerprint)
    except ValueError as error:
        log.warning("%s %s; that picture is begun anew", path, error)
        return None


def read(path: Path, fingerprint: str) -> State:
    """Return the state in a checkpoint. ValueError if it has another fingerprint, is damaged or
    cannot be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            known = metadata.get("fingerprint") == fingerprint
            state = {name: file.get_tensor(name) for name in file.keys()} if known else {}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise ValueError(f"cannot be read ({error})") from error
    if not known:
        raise ValueError("is of other settings or of another version of the program")
    if metadata.get("sum") != checksum(state):
        raise ValueError("is damaged")
    return state


def contiguous(tensor: Tensor) -> Tensor:
    """Return a copy on the CPU, in row-major order, without a gradient."""
    import torch

    return tensor.detach().cpu().clone(memory_format=torch.contiguous_format)


def checksum(tensors: State) -> str:
    """Return the SHA-256 of names, types, shapes and values: a file of the right length may still
    have wrong bytes."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(as_bytes(tensor))
    return digest.hexdigest()


def as_bytes(tensor: Tensor) -> memoryview:
    """Return a tensor's memory, also of types that NumPy lacks (bfloat16)."""
    import torch

    return tensor.reshape(-1).view(torch.uint8).numpy().data


def fingerprint(*facts: Any) -> str:
    """Return the SHA-256 of facts and of the code that decides pixels. Tensors count by their
    values, other facts by their repr."""
    digest = hashlib.sha256(code_hash().encode())
    for fact in facts:
        digest.update(b"\0" + fact_bytes(fact))
    return digest.hexdigest()


def fact_bytes(fact: Any) -> bytes:
    if hasattr(fact, "detach"):  # a tensor; torch may not be loaded
        return checksum({"": contiguous(fact)}).encode()
    return repr(fact).encode()


@cache
def code_hash(package: Path = PACKAGE) -> str:
    """Return the SHA-256 of the package's code that decides pixels, and of torch's version, with
    which the last bits of its results change."""
    import torch

    digest = hashlib.sha256(torch.__version__.encode())
    for path in pixel_code(package):
        digest.update(path.relative_to(package).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def pixel_code(package: Path) -> Iterator[Path]:
    """Yield the files of PIXEL_CODE in a fixed order."""
    for name in PIXEL_CODE:
        path = package / name
        yield from [path] if path.suffix else sorted(path.rglob("*.py"))


@dataclass
class CheckpointWriter:
    """A file to which the state of the pictures at hand is written, at most every `interval`
    seconds: pictures that take less time have no checkpoint."""

    path: Path
    fingerprint: Callable[[], str]  # computed when a checkpoint is read or written
    interval: float = 30.0  # seconds

    def __post_init__(self) -> None:
        self.written = time.monotonic()

    def load(self) -> State | None:
        return load(self.path, self.fingerprint()) if self.path.exists() else None

    def update(self, state: State | None) -> None:
        """Write the state if the last checkpoint is old enough. To be called once all outputs of
        the frame are written; the last frame's state is None."""
        if state is not None and time.monotonic() - self.written >= self.interval:
            self.write(state)

    def write(self, state: State) -> None:
        """Write the state now; a warning if it cannot be written, so that drawing goes on."""
        try:
            self.path.parent.mkdir(exist_ok=True)  # the run's folder may be gone
            save(self.path, state, self.fingerprint())
        except OSError as error:
            log.warning("the checkpoint %s cannot be written: %s", self.path, error)
        self.written = time.monotonic()

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
