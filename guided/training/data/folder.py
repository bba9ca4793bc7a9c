"""A folder of somebody's own pictures, with what each shows: captions from .txt files beside them,
else from file names.

Any format that Pillow reads; a file that it cannot read is left out with a line that says so.
Pictures are kept in memory at the size of training. Knows nothing about models.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

from guided.errors import BadInput
from guided.images import flat, levels

log = logging.getLogger(__name__)
SPARE = 1.15  # kept this much larger than drawn, so that crops may zoom a little


@dataclass
class Folder:
    pictures: list[Tensor]  # (3, H, W) uint8, the shorter side SPARE * size
    captions: list[list[str]]  # one or more for each
    names: list[str]

    def batch(self, rows: Tensor, size: int, rng: torch.Generator, flip: bool = True) -> Tensor:
        """rows (B,) -> square crops (B, 3, size, size) in [0, 1]: anywhere along the longer side,
        a little closer or not, mirrored for some."""
        luck = torch.rand(len(rows), 4, generator=rng).tolist()
        return torch.stack(
            [
                crop(self.pictures[row], size, *numbers[:3], mirror=flip and numbers[3] < 0.5)
                for row, numbers in zip(rows.tolist(), luck, strict=True)
            ]
        )


def crop(picture: Tensor, size: int, zoom: float, x: float, y: float, mirror: bool) -> Tensor:
    """(3, H, W) uint8 -> (3, size, size) in [0, 1]; zoom, x and y in 0..1 choose the window."""
    height, width = picture.shape[1:]
    side = round(min(height, width) * (1 - zoom * (1 - 1 / SPARE)))
    top, left = int(y * (height - side + 1)), int(x * (width - side + 1))
    part = picture[None, :, top : top + side, left : left + side].float() / 255
    part = F.interpolate(part, (size, size), mode="bilinear", antialias=True, align_corners=False)
    return part[0].flip(-1) if mirror else part[0]


def load(folder: str | Path, size: int) -> Folder:
    """All pictures below the folder, in the order of their names; BadInput where there is none."""
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
    return Folder(pictures, captions, names)


def is_picture(path: Path) -> bool:
    Image.init()
    hidden = any(part.startswith(".") for part in path.parts[1:])
    return path.suffix.lower() in Image.EXTENSION and path.is_file() and not hidden


def read(path: Path, short: int) -> Tensor | None:
    """(3, H, W) uint8 with `short` pixels on the shorter side, upright, on white where it is
    transparent; None if it cannot be read."""
    try:
        with Image.open(path) as image:
            picture = flat(ImageOps.exif_transpose(image))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        log.warning("left out: %s (%s)", path, error)
        return None
    scale = short / min(picture.size)
    size = [max(short, round(side * scale)) for side in picture.size]
    return levels(picture.resize(size, Image.Resampling.LANCZOS)).contiguous()


def captions_of(path: Path) -> list[str]:
    """The lines of the .txt file beside a picture; else the words of its name, without numbers;
    else those of its folder's."""
    beside = path.with_suffix(".txt")
    if beside.is_file():
        lines = beside.read_text(encoding="utf-8", errors="replace").splitlines()
        if said := [line.strip() for line in lines if line.strip()]:
            return said
    return [words(path.stem) or words(path.parent.name) or "a picture"]


def words(name: str) -> str:
    """`red_house-012` -> `red house`"""
    return " ".join(re.sub(r"[_\-.,()\[\]]+|\b\d+\b|(?<=\D)\d+$", " ", name).split())
