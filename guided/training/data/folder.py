"""A folder of the user's own pictures, with captions from .txt files beside them, else from file
names.

Any format that Pillow reads; a file that it cannot read is left out with a line that says so.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from guided.errors import BadInput
from guided.images import levels, open_picture

log = logging.getLogger(__name__)
SPARE = 1.15  # stored size over training size, so that crops can zoom


@dataclass
class CaptionedFolder:
    """Pictures in memory with their captions."""

    pictures: list[Tensor]  # (3, H, W) uint8, the shorter side SPARE * size
    captions: list[list[str]]  # one or more for each
    names: list[str]

    def batch(self, rows: Tensor, size: int, rng: torch.Generator, flip: bool = True) -> Tensor:
        """Return random square crops (B, 3, size, size) in [0, 1] of rows (B,), half of them
        mirrored if `flip`."""
        numbers = torch.rand(len(rows), 4, generator=rng).tolist()
        return torch.stack(
            [
                crop(self.pictures[row], size, zoom, x, y, mirror=flip and side < 0.5)
                for row, (zoom, x, y, side) in zip(rows.tolist(), numbers, strict=True)
            ]
        )


def crop(picture: Tensor, size: int, zoom: float, x: float, y: float, mirror: bool) -> Tensor:
    """Return a square of a picture (3, H, W) uint8 as (3, size, size) in [0, 1]; zoom, x and y in
    [0, 1] choose the window."""
    height, width = picture.shape[1:]
    side = round(min(height, width) * (1 - zoom * (1 - 1 / SPARE)))
    top, left = int(y * (height - side + 1)), int(x * (width - side + 1))
    part = picture[None, :, top : top + side, left : left + side].float() / 255
    part = F.interpolate(part, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return part[0].flip(-1) if mirror else part[0]


def load(folder: str | Path, size: int) -> CaptionedFolder:
    """Return all pictures below the folder, sorted by name, for training at `size` pixels. Raises
    BadInput if there is none."""
    folder = Path(folder)
    pictures, captions, names = [], [], []
    for path in sorted(path for path in folder.rglob("*") if is_picture(path)):
        picture = read(path, round(size * SPARE))
        if picture is not None:
            pictures.append(picture)
            captions.append(captions_of(path))
            names.append(str(path.relative_to(folder)))
    if not pictures:
        raise BadInput(f"data={folder} holds no picture that can be read")
    return CaptionedFolder(pictures, captions, names)


def is_picture(path: Path) -> bool:
    """Return whether a file has a picture's suffix and is not hidden."""
    Image.init()
    hidden = any(part.startswith(".") for part in path.parts[1:])
    return path.suffix.lower() in Image.EXTENSION and path.is_file() and not hidden


def read(path: Path, short: int) -> Tensor | None:
    """Return a picture as (3, H, W) uint8 with `short` pixels on its shorter side, upright, over
    white; None, and a warning, if it cannot be read."""
    try:
        picture = open_picture("picture", str(path))
    except BadInput as error:
        log.warning("left out: %s", error)
        return None
    scale = short / min(picture.size)
    width, height = (max(short, round(side * scale)) for side in picture.size)
    return levels(picture.resize((width, height), Image.Resampling.LANCZOS)).contiguous()


def captions_of(path: Path) -> list[str]:
    """Return the lines of the .txt file beside a picture; else the words of its name without
    numbers; else those of its folder's name."""
    beside = path.with_suffix(".txt")
    if beside.is_file():
        lines = beside.read_text(encoding="utf-8", errors="replace").splitlines()
        if captions := [line.strip() for line in lines if line.strip()]:
            return captions
    return [words(path.stem) or words(path.parent.name) or "a picture"]


def words(name: str) -> str:
    """Return the words of a file's name: `red_house-012` -> `red house`."""
    return " ".join(re.sub(r"[_\-.,()\[\]]+|\b\d+\b|(?<=\D)\d+$", " ", name).split())
