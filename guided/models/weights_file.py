"""Is a file of weights whole? In a moment by its size and structure, or for sure by its SHA-256.

Knows nothing about what the weights are; imports no torch. What was hashed once is noted in a
small file beside the weights, so that gigabytes are not hashed for every run: a run looks at size
and structure only, `models=download` hashes whatever has changed since the note was made.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

log = logging.getLogger(__name__)
BLOCK = 1 << 20
SAFETENSORS = ".safetensors"
MOST_BYTES = 1 << 48  # of a file and of a tensor's side


def damage(path: Path) -> str | None:
    """What is visibly wrong with a file of weights, without reading it all; or None."""
    if not path.is_file():
        return "it is no plain file"
    size, noted = path.stat().st_size, note(path)
    if noted and noted["size"] != size:
        return f"it has {size} bytes and had {noted['size']} when it was fetched"
    return misshapen(path, path.suffix)


def misshapen(path: Path, suffix: str) -> str | None:
    """What is wrong with the structure of a file of this format; or None."""
    size = path.stat().st_size
    if suffix.lower() == SAFETENSORS:
        try:
            end = data_end(header(path), path)
        except ValueError as error:
            return str(error)
        if size != end:
            return f"it has {size} bytes, its header asks for {end}"
        return None if is_consistent(path) else "its safetensors header is broken"
    with path.open("rb") as file:
        begins = file.read(2)
    if begins == b"PK":
        return None if zipfile.is_zipfile(path) else f"it breaks off after {size} bytes"
    return None if begins[:1] == b"\x80" else "it does not begin as a file of weights does"


def header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file: of each tensor its `dtype`, `shape` and `data_offsets`.
    ValueError when there is none. Format: https://github.com/huggingface/safetensors"""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 2 <= length <= 100_000_000 or length > path.stat().st_size:
            raise ValueError("it has no safetensors header")
        try:
            found = json.loads(file.read(length))
        except (ValueError, RecursionError) as error:
            raise ValueError("its safetensors header is broken") from error
    tensors = found if isinstance(found, dict) else {"": None}
    tensors.pop("__metadata__", None)
    if not all(map(describes, tensors.values())):
        raise ValueError("its safetensors header is broken")
    return tensors


def describes(tensor: Any) -> bool:
    """Is this an entry of a safetensors header?"""
    if not isinstance(tensor, dict):
        return False
    shape, offsets = tensor.get("shape"), tensor.get("data_offsets")
    numbers = all(
        isinstance(found, list) and all(type(n) is int and 0 <= n < MOST_BYTES for n in found)
        for found in (shape, offsets)
    )
    return numbers and len(offsets) == 2


def is_consistent(path: Path) -> bool:
    """Do shapes, types and offsets of a safetensors file agree, as the library that reads it has
    it?"""
    try:
        with safe_open(path, framework="np"):
            return True
    except (SafetensorError, OSError):
        return False


def data_end(tensors: dict[str, Any], path: Path) -> int:
    """How many bytes a safetensors file with this header must have."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
    return 8 + length + max((t["data_offsets"][1] for t in tensors.values()), default=0)


def verify(path: Path, sha256: str) -> str | None:
    """What is wrong with a file, for sure: hashed unless it is as it was when it was hashed last.
    Without a checksum that is known, it must be what was fetched."""
    noted = note(path)
    expected = sha256 or (noted or {}).get("sha256", "")
    if (wrong := damage(path)) is not None or not expected:
        return wrong
    if noted is None or noted != about(path, expected):
        found = file_hash(path)
        if found != expected:
            return f"its SHA-256 is {found}, expected {expected}"
        remember(path, found)
    return None


def file_hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remember(path: Path, sha256: str) -> None:
    """Note that the file as it is now has this hash, where its folder can be written to."""
    try:
        write_new(beside(path), json.dumps(about(path, sha256)))
    except OSError as error:
        log.info("%s: no note of its hash is kept: %s", path, error)


def write_new(path: Path, text: str) -> None:
    """Write a file in place of what has its name; a link there is replaced, not followed."""
    path.unlink(missing_ok=True)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)


def note(path: Path) -> dict[str, Any] | None:
    try:
        found = json.loads(beside(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    whole = isinstance(found, dict) and isinstance(found.get("sha256"), str)
    return found if whole and type(found.get("size")) is int else None


def about(path: Path, sha256: str) -> dict[str, Any]:
    found = path.stat()
    return {"sha256": sha256, "size": found.st_size, "mtime_ns": found.st_mtime_ns}


def beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.verified")


ANCHOR = "time_embed.0.weight"  # every U-Net of guided-diffusion's family has it


def find_prefix(keys: Iterable[str], anchor: str) -> str | None:
    """What stands before a network's own names (`module.`, `state_dict.`, `ema.`), or None when
    `anchor` is in no name. Averaged weights are chosen before raw ones."""
    found = [key.removesuffix(anchor) for key in keys if key.endswith(anchor)]
    whole = [prefix for prefix in found if not prefix or prefix.endswith(".")]
    return min(whole, key=lambda p: ("ema" not in p.lower(), len(p), p), default=None)
