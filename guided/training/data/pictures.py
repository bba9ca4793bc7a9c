"""The prepared pictures in memory, and their compositing and recolouring. Reads the files that
guided.training.data.prepare writes.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.errors import BadInput
from guided.outputs.manners import luma
from guided.training.common.files import replacing


@dataclass
class Pictures:
    """The prepared pictures and their concepts."""

    pixels: Tensor  # (N, 4, S, S) uint8, colour premultiplied by alpha
    concepts: Tensor  # (N,) index into `words`
    vendors: list[str]  # N names
    words: list[dict]  # label, tags, zh, zh_tags, group of each concept
    styles: dict[str, str]  # vendor -> style words

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Return premultiplied colour (B, 3, S, S) and alpha (B, 1, S, S), in [0, 1], of rows."""
        both = self.pixels[rows].float() / 255
        return both[:, :3], both[:, 3:]


def prepared(folder: str | Path) -> bool:
    """Return whether guided.training.data.prepare made the folder."""
    return (Path(folder) / "captions.json").exists()


def check_prepared(folder: str | Path) -> None:
    """Raise BadInput unless guided.training.data.prepare made the folder."""
    if not prepared(folder):
        raise BadInput(f"data={folder}: python -m guided.training.data makes it")


def load(folder: str | Path, size: int) -> Pictures:
    """Return the prepared pictures at `size` pixels; a copy of that size is cached beside them.
    Raises BadInput if there are none."""
    folder = Path(folder)
    check_prepared(folder)
    book = json.loads((folder / "captions.json").read_text())
    cached = folder / f"pictures-{size}.npy"
    if not cached.exists():
        with replacing(cached) as draft:
            np.save(draft, _shrunk(np.load(folder / "pictures.npy", mmap_mode="r"), size))
    return Pictures(
        pixels=torch.from_numpy(np.load(cached)),
        concepts=torch.tensor([row["concept"] for row in book["pictures"]]),
        vendors=[row["vendor"] for row in book["pictures"]],
        words=book["concepts"],
        styles=book["styles"],
    )


def _shrunk(pictures: np.ndarray, size: int) -> np.ndarray:
    """Return pictures (N, P, P, 4) uint8 of straight alpha as (N, 4, size, size) uint8,
    premultiplied and area-averaged."""
    out = np.empty((len(pictures), 4, size, size), np.uint8)
    for i in range(0, len(pictures), 256):
        part = torch.from_numpy(pictures[i : i + 256].copy()).permute(0, 3, 1, 2).float()
        part[:, :3] *= part[:, 3:] / 255
        part = F.interpolate(part, size=(size, size), mode="area")
        out[i : i + 256] = part.round().byte().numpy()
    return out


def hue_rotated(colour: Tensor, angle: Tensor) -> Tensor:
    """Return colour (B, 3, H, W), premultiplied or not, rotated by `angle` (B,) radians about the
    grey axis."""
    cos, sin = angle.cos(), angle.sin()
    third, root = (1 - cos) / 3, sin / math.sqrt(3)
    # The circulant matrix of a rotation about (1, 1, 1).
    rows = [cos + third, third - root, third + root]
    matrix = torch.stack(
        [torch.stack([rows[(j - i) % 3] for j in range(3)], -1) for i in range(3)], -2
    )
    return torch.einsum("bij,bjhw->bihw", matrix, colour).clamp(0, 1)


def shaded(colour: Tensor, alpha: Tensor, tint: Tensor) -> Tensor:
    """Return premultiplied colour (B, 3, H, W) in shades of `tint` (B, 3), in proportion to its
    luma over the object's mean."""
    light = luma(colour)
    mean = light.sum((1, 2, 3), keepdim=True) / alpha.sum((1, 2, 3), keepdim=True).clamp(min=1e-3)
    shades = tint[:, :, None, None] * light / mean.clamp(min=1e-3)
    return torch.minimum(shades, alpha)


def placed(
    colour: Tensor, alpha: Tensor, size: int, scale: float, shift: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Return colour and alpha of the object at the share `scale` of a `size` canvas, centred or
    moved by `shift` (B, 2) whole pixels."""
    side = round(size * scale)
    both = F.interpolate(
        torch.cat([colour, alpha], 1), size=(side, side), mode="bilinear", antialias=True
    )
    free = size - side
    canvas = both.new_zeros(len(both), 4, size, size)
    shifts = [[0, 0]] * len(both) if shift is None else shift.tolist()
    for i, (dx, dy) in enumerate(shifts):
        x, y = (min(max(free // 2 + d, 0), free) for d in (dx, dy))
        canvas[i, :, y : y + side, x : x + side] = both[i]
    return canvas[:, :3], canvas[:, 3:]
