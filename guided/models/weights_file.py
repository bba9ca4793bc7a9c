"""Checking that a file of weights is whole: quickly by size and structure, or by its SHA-256.

Imports no torch. The hash is noted in a small file beside the weights, so that gigabytes are not
hashed for every run: a run checks size and structure only, `models=download` hashes files that
have changed since the note was made.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from guided.errors import BadInput
from guided.paths import PACKAGE

log = logging.getLogger(__name__)
BLOCK = 1 << 20
SAFETENSORS = ".safetensors"
MOST_BYTES = 1 << 48  # limit for a file and for a side of a tensor


def damage(path: Path) -> str | None:
    """Return the damage that size and structure of a file of weights show, or None."""
    if not path.is_file():
        return "it is no plain file"
    size, noted = path.stat().st_size, note(path)
    if noted and noted["size"] != size:
        return f"it has {size} bytes and had {noted['size']} when it was fetched"
    return misshapen(path, path.suffix)


def misshapen(path: Path, suffix: str) -> str | None:
    """Return the damage in the structure of a file of this format, or None."""
    size = path.stat().st_size
    if suffix.lower() == SAFETENSORS:
        try:
            end = data_end(header(path), path)
        except ValueError as error:
            return str(error)
        if size != end:
            return f"it has {size} bytes, its header asks for {end}"
        whole = is_included(path) or is_consistent(path)  # which imports numpy
        return None if whole else "its safetensors header is broken"
    with path.open("rb") as file:
        begins = file.read(9)
    if begins[8:] == b"{" and begins[:1] != b"\x80":
        return f"it begins as a safetensors file does; name it {path.stem}{SAFETENSORS}"
    if begins[:2] == b"PK":
        return None if zipfile.is_zipfile(path) else f"it breaks off after {size} bytes"
    return None if begins[:1] == b"\x80" else "it does not begin as a file of weights does"


def header(path: Path) -> dict[str, Any]:
    """Return the header of a safetensors file: `dtype`, `shape` and `data_offsets` of each tensor.
    ValueError if it has none. Format: https://github.com/huggingface/safetensors"""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= 100_000_000 or length > path.stat().st_size:
            raise ValueError("it has no safetensors header")
        try:
            content = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise ValueError("its safetensors header is broken") from error
    tensors = content if isinstance(content, dict) else {"": None}
    tensors.pop("__metadata__", None)
    if not all(map(describes, tensors.values())):
        raise ValueError("its safetensors header is broken")
    return tensors


def describes(tensor: Any) -> bool:
    """Return whether this is an entry of a safetensors header."""
    if not isinstance(tensor, dict):
        return False
    shape, offsets = tensor.get("shape"), tensor.get("data_offsets")
    numbers = all(
        isinstance(part, list) and all(type(n) is int and 0 <= n < MOST_BYTES for n in part)
        for part in (shape, offsets)
    )
    return numbers and isinstance(offsets, list) and len(offsets) == 2


def is_consistent(path: Path) -> bool:
    """Return whether the safetensors library accepts shapes, types and offsets of a file."""
    try:
        with safe_open(path, framework="np"):
            return True
    except (SafetensorError, OSError):
        return False


def is_included(path: Path) -> bool:
    """Return whether a file comes with the program."""
    return PACKAGE in path.resolve().parents


def data_end(tensors: dict[str, Any], path: Path) -> int:
    """Return the number of bytes that a safetensors file with this header has."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    return 8 + length + max((t["data_offsets"][1] for t in tensors.values()), default=0)


def verify(path: Path, sha256: str) -> str | None:
    """Return the damage of a file by its hash, or None. It is not hashed if it is unchanged since
    the last time. Without a known checksum, the hash noted at the download is expected."""
    noted = note(path)
    expected = sha256 or (noted or {}).get("sha256", "")
    if (wrong := damage(path)) is not None or not expected:
        return wrong
    if noted is None or noted != about(path, expected):
        digest = file_hash(path)
        if digest != expected:
            return f"its SHA-256 is {digest}, expected {expected}"
        remember(path, digest)
    return None


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(path: Path, sha256: str) -> None:
    """Note the hash of the file beside it, if its folder is writable and not the program's own."""
    if is_included(path):
        return
    try:
        write_new(beside(path), json.dumps(about(path, sha256)))
    except OSError as error:
        log.info("%s: its hash cannot be noted: %s", path, error)


def write_new(path: Path, text: str) -> None:
    """Write a file in place of another of its name; a link there is replaced, not followed."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def note(path: Path) -> dict[str, Any] | None:
    """Return the note of `remember`: sha256, size and mtime_ns; None if there is none."""
    try:
        content = json.loads(beside(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(content, dict) and isinstance(content.get("sha256"), str)
    return content if whole and type(content.get("size")) is int else None


def about(path: Path, sha256: str) -> dict[str, Any]:
    """Return the note of a file with this hash."""
    status = path.stat()
    return {"sha256": sha256, "size": status.st_size, "mtime_ns": status.st_mtime_ns}


def beside(path: Path) -> Path:
    """Return the path of a file's note."""
    return path.with_name(f".{path.name}.verified")


ANCHOR = "time_embed.0.weight"  # every U-Net of guided-diffusion's family has it


def find_prefix(keys: Iterable[str], anchor: str) -> str | None:
    """Return the prefix of a network's own names (`module.`, `state_dict.`, `ema.`), or None if no
    name ends in `anchor`. Averaged weights are preferred to raw ones."""
    prefixes = [key.removesuffix(anchor) for key in keys if key.endswith(anchor)]
    whole = [prefix for prefix in prefixes if not prefix or prefix.endswith(".")]
    return min(whole, key=lambda p: ("ema" not in p.lower(), len(p), p), default=None)


def count_layers(names: Iterable[str], part: str) -> int:
    """Return the number of layers whose names begin with `part` and a number, from 0 on. KeyError,
    with the first that is missing, if there is none or a gap."""
    numbers = {name.removeprefix(part).split(".")[0] for name in names if name.startswith(part)}
    missing = next(number for number in count() if str(number) not in numbers)
    if not missing or missing < len(numbers):
        raise KeyError(f"{part}{missing}")
    return missing


@contextmanager
def readable(kind: str, path: Path) -> Iterator[None]:
    """Raise BadInput, with the reason, for an error of what reads names and shapes of a file's
    tensors as those of a network of this kind: a KeyError is a missing tensor."""
    try:
        yield
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
        raise BadInput(f"model={path} is no {kind} that can be read: {reason}") from error
