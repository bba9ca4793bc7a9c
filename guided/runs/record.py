"""The settings of a picture, written into its file and into run.yaml. Imports no torch."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from PIL import Image

from guided.errors import CONTROL_OR_BREAK, BadInput
from guided.runs import files, metadata
from guided.untrusted import yaml_reader
from guided.untrusted.yaml_reader import LONG_NUMBER
from guided.version import __version__


def save_png(image: Image.Image, path: Path) -> None:
    files.write(path, metadata.encode(image, "png", None))


def save(
    image: Image.Image,
    path: Path,
    settings: dict[str, Any],
    format: str = "png",
    quality: int | None = None,
    dpi: int | None = None,
    drawn: tuple[int, int] | None = None,
) -> None:
    """Write a picture with its settings inside, durably, because the manifest refers to it; it was
    `drawn` (width, height) and may be enlarged, None: as large as it is."""
    inside = texts(settings, image.size, drawn or image.size)
    data = metadata.encode(image, format, quality, inside, dpi)
    files.write(path, data, durable=True)


def texts(
    settings: dict[str, Any], size: tuple[int, int], drawn: tuple[int, int]
) -> dict[str, str]:
    """Return the texts of a picture's file: for other programs, and with all settings."""
    return {"parameters": parameters(settings, size, drawn), "guided": as_yaml(settings)}


# Samplers by the names that web UIs know them by.
SAMPLERS = {"ddim": "DDIM", "ddpm": "DDPM", "plms": "PLMS", "dpm_solver": "DPM++ 2M"}


def parameters(settings: dict[str, Any], size: tuple[int, int], drawn: tuple[int, int]) -> str:
    """Return the settings in the layout of AUTOMATIC1111's web UI; `size` (width, height) is the
    file's, which may be enlarged, and `drawn` that of the canvas."""
    lines = [as_text(settings.get("drawn") or settings["prompt"])]
    if settings.get("negative"):
        lines.append(f"Negative prompt: {as_text(settings['negative'])}")
    generator, sampler = (kind(settings.get(group)) for group in ("generator", "sampler"))
    diffusion = generator in ("", "diffusion", "Diffusion")
    facts = {
        "Steps": settings["steps"],
        **({"Sampler": SAMPLERS.get(sampler, sampler)} if diffusion else {}),
        "Seed": settings["seed"],
        "Size": f"{size[0]}x{size[1]}",
        "Drawn at": f"{drawn[0]}x{drawn[1]}",
        "Model": settings["model"].get("name", "") if diffusion else generator,
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


def kind(node: Any) -> str:
    """Return the last part of a node's `_target_`, or nothing."""
    target = node.get("_target_", "") if isinstance(node, dict) else ""
    return re.split(r"[./]", str(target))[-1]


def as_text(prompt: Any) -> str:
    if isinstance(prompt, list | tuple):
        return "; ".join(str(item) for item in prompt)
    return "" if prompt is None else str(prompt)


def fingerprint(path: Path) -> str | None:
    """Return a hash of a file's content; None if it cannot be read."""
    try:
        return _fingerprint(path, path.stat().st_mtime_ns) if path.is_file() else None
    except OSError:
        return None


@cache
def _fingerprint(path: Path, changed: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def as_yaml(settings: dict[str, Any]) -> str:
    """Return settings as plain YAML, to be read by `from_yaml` without interpolation."""
    return yaml.dump(
        settings, Dumper=WholeTexts, allow_unicode=True, sort_keys=False, width=10_000
    )


class WholeTexts(yaml.SafeDumper):
    """A YAML writer that joins surrogate pairs to one character, and escapes characters that are
    not printable."""

    def represent_data(self, data: Any) -> yaml.Node:
        if not isinstance(data, str):
            return super().represent_data(data)
        node = super().represent_data(metadata.encodable(data))
        if CONTROL_OR_BREAK.search(node.value) or LONG_NUMBER.fullmatch(node.value):
            node.style = '"'
        return node

    def write_double_quoted(self, text: str, split: bool = True) -> None:
        self.allow_unicode = CONTROL_OR_BREAK.search(text) is None
        super().write_double_quoted(text, split)
        self.allow_unicode = True


def read(path: Path) -> dict[str, Any]:
    """Return the settings inside a picture of this program; {} if there are none. BadInput if the
    file is no picture, or its text cannot be settings."""
    text = metadata.read(path)
    return from_yaml(text, str(path)) if text else {}


def from_yaml(text: str, where: str) -> dict[str, Any]:
    """Return settings from untrusted YAML, as plain data of limited size. BadInput names `where`
    they are from."""
    settings = yaml_reader.read(text, where)
    if not isinstance(settings, dict):
        raise BadInput(f"{where} has settings that are no mapping of names to values")
    return settings
