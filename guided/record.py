"""How a picture was made: the run's folder, the text inside a PNG, the YAML beside it.

Knows nothing about models; imports no torch.
"""

import os
import re
import unicodedata
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import yaml
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided import __version__


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
    latest, beside = root / "latest", root / f".latest-{os.getpid()}"
    try:
        os.symlink(os.path.relpath(folder, root), beside, target_is_directory=True)
        os.replace(beside, latest)
    except OSError:
        write(root / "latest.txt", str(folder).encode())


def write(path: Path, data: bytes) -> None:
    """All of it or nothing: a reader never meets half a file."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_bytes(data)
    os.replace(part, path)


def save_png(image: Image.Image, path: Path, settings: dict[str, Any] | None = None) -> None:
    """A PNG with its settings inside, if given."""
    buffer = BytesIO()
    image.save(buffer, "PNG", pnginfo=png_text(settings, image.size) if settings else None)
    write(path, buffer.getvalue())


def png_text(settings: dict[str, Any], size: tuple[int, int]) -> PngInfo:
    """`parameters`, which many viewers read, and `guided`, all settings as YAML."""
    info = PngInfo()
    info.add_itxt("parameters", parameters(settings, size))
    info.add_itxt("guided", as_yaml(settings))
    info.add_text("Software", f"AI generated; guided {__version__}")
    return info


def parameters(settings: dict[str, Any], size: tuple[int, int]) -> str:
    """The settings in the layout that AUTOMATIC1111's web UI made common; `size` is the file's."""
    lines = [settings.get("drawn") or as_text(settings["prompt"])]
    if settings.get("negative"):
        lines.append(f"Negative prompt: {as_text(settings['negative'])}")
    sampler = str(settings["sampler"].get("_target_", "")).rpartition(".")[2]
    width, height = settings["size"]
    facts = {
        "Steps": settings["steps"],
        "Sampler": sampler,
        "Seed": settings["seed"],
        "Size": f"{size[0]}x{size[1]}",
        "Drawn at": f"{width}x{height}",
        "Model": settings["model"].get("name", ""),
        "CLIP": " ".join(settings["clip"]),
        **({"Score": f"{settings['score']:.4f}"} if settings.get("score") is not None else {}),
        "Version": f"guided {__version__}",
    }
    lines.append(", ".join(f"{key}: {value}" for key, value in facts.items()))
    return "\n".join(lines)


def as_text(prompt: Any) -> str:
    return prompt if isinstance(prompt, str) else "; ".join(str(item) for item in prompt)


def as_yaml(settings: dict[str, Any]) -> str:
    """Plain YAML, in which a prompt's `${` is no interpolation."""
    return yaml.safe_dump(settings, allow_unicode=True, sort_keys=False, width=10_000)


def read(path: Path) -> dict[str, Any]:
    """The settings inside a PNG that this program saved; {} when there are none."""
    with Image.open(path) as image:
        text = getattr(image, "text", {}).get("guided")
    return yaml.safe_load(text) if text else {}
