"""How a picture was made: the run's folder, the settings inside a picture, the YAML beside it.

Knows nothing about models; imports no torch.
"""

import errno
import hashlib
import os
import re
import secrets
import unicodedata
from contextlib import suppress
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from guided.errors import CONTROL_OR_BREAK, BadInput
from guided.runs import metadata
from guided.untrusted import yaml_reader
from guided.version import __version__


def new_folder(root: Path, title: str, now: datetime) -> Path:
    """root/2026-11-21/142233-a-red-heart, made here and nobody else's."""
    name = f"{now:%H%M%S}-{slug(title)}"
    day = root / f"{now:%Y-%m-%d}"
    day.mkdir(parents=True, exist_ok=True)
    for n in range(1, 10_000):
        folder = day / (name if n == 1 else f"{name}-{n}")
        try:
            folder.mkdir()
        except FileExistsError:  # another run in the same second
            continue
        return folder
    raise OSError(f"{day / name} and its numbers are all taken")


def slug(text: str, length: int = 40) -> str:
    """A prompt as a file name: letters and digits of any script, joined by hyphens."""
    text = unicodedata.normalize("NFC", text).lower()
    words = re.sub(r"[\W_]+", "-", text).strip("-")
    while len(words.encode()) > length * 2 or len(words) > length:
        words = words[:-1]
    return words.strip("-") or "picture"


def point_latest(folder: Path, root: Path) -> None:
    """root/latest -> folder; where links need privileges (Windows), a text file says it."""
    latest, beside, said = root / "latest", root / f".latest-{unique()}", root / "latest.txt"
    try:
        os.symlink(os.path.relpath(folder, root), beside, target_is_directory=True)
        os.replace(beside, latest)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        write(said, os.fsencode(folder))
    else:
        with suppress(OSError):  # of a time before there were links, it would be believed first
            said.unlink()


def write(path: Path, data: bytes, durable: bool = False) -> None:
    """Write all of a file or nothing: a reader never meets half of it. Where it is `durable`, not
    even after the power failed: on return the file is on disk under its name."""
    part = path.with_name(f".{path.name}.{unique()}.part")
    try:
        part.write_bytes(data)
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with suppress(OSError):  # on a full disk, half a file would be in the way
            part.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def disk_is_full(error: BaseException) -> bool:
    """Return whether the disk, or the user's share of it, was full."""
    full = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}
    return isinstance(error, OSError) and error.errno in full


def sync_folder(folder: Path) -> None:
    """Have the names in a folder on disk, where the system can be asked for it."""
    with suppress(OSError):  # Windows opens no folder
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def unique() -> str:
    """For a name beside others': processes in two containers may have the same number."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def save_png(image: Image.Image, path: Path) -> None:
    write(path, metadata.encode(image, "png", None))


def save(
    image: Image.Image,
    path: Path,
    settings: dict[str, Any],
    format: str = "png",
    quality: int | None = None,
) -> None:
    """A picture with its settings inside."""
    data = metadata.encode(image, format, quality, texts(settings, image.size))
    write(path, data, durable=True)  # the manifest will say that it is there


def texts(settings: dict[str, Any], size: tuple[int, int]) -> dict[str, str]:
    """What goes into a file, for other programs and for this one."""
    return {"parameters": parameters(settings, size), "guided": as_yaml(settings)}


def parameters(settings: dict[str, Any], size: tuple[int, int]) -> str:
    """The settings in the layout that AUTOMATIC1111's web UI made common; `size` is the file's."""
    lines = [as_text(settings.get("drawn") or settings["prompt"])]
    if settings.get("negative"):
        lines.append(f"Negative prompt: {as_text(settings['negative'])}")
    sampler = re.split(r"[./]", str(settings["sampler"].get("_target_", "")))[-1]
    width, height = settings["size"]
    facts = {
        "Steps": settings["steps"],
        "Sampler": sampler,
        "Seed": settings["seed"],
        "Size": f"{size[0]}x{size[1]}",
        "Drawn at": f"{width}x{height}",
        "Model": settings["model"].get("name", ""),
        "CLIP": " ".join(settings["clip"]),
        **{
            group.capitalize(): " ".join(settings[group])
            for group in ("artist", "look")
            if settings.get(group)
        },
        **({"Score": f"{settings['score']:.4f}"} if settings.get("score") is not None else {}),
        "Version": f"guided {__version__}",
    }
    lines.append(", ".join(f"{key}: {value}" for key, value in facts.items()))
    return "\n".join(lines)


def as_text(prompt: Any) -> str:
    if isinstance(prompt, list | tuple):
        return "; ".join(str(item) for item in prompt)
    return "" if prompt is None else str(prompt)


def fingerprint(path: Path) -> str | None:
    """Of what is in a file; None where there is none, or none that can be read."""
    try:
        return _fingerprint(path, path.stat().st_mtime_ns) if path.is_file() else None
    except OSError:
        return None


@cache
def _fingerprint(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def as_yaml(settings: dict[str, Any]) -> str:
    """Plain YAML, in which a prompt's `${` is no interpolation."""
    return yaml.dump(
        settings, Dumper=WholeTexts, allow_unicode=True, sort_keys=False, width=10_000
    )


class WholeTexts(yaml.SafeDumper):
    """Without halves of surrogate pairs, which YAML would keep as two characters, and with escapes
    instead of what is not printable."""

    def represent_data(self, data: Any) -> yaml.Node:
        if not isinstance(data, str):
            return super().represent_data(data)
        node = super().represent_data(metadata.whole(data))
        node.style = '"' if CONTROL_OR_BREAK.search(node.value) else node.style
        return node

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        self.allow_unicode = CONTROL_OR_BREAK.search(text) is None
        super().write_double_quoted(text, split)
        self.allow_unicode = True


def read(path: Path) -> dict[str, Any]:
    """The settings inside a picture that this program saved; {} when there are none. BadInput
    when the file is no picture, or what is inside cannot be settings."""
    text = metadata.read(path)
    return from_yaml(text, str(path)) if text else {}


def from_yaml(text: str, where: str) -> dict[str, Any]:
    """Settings that anyone may have written: as plain data, of a size that cannot hurt. BadInput
    names `where` they are from."""
    settings = yaml_reader.read(text, where)
    if not isinstance(settings, dict):
        raise BadInput(f"{where} has settings that are no mapping of names to values")
    return settings
