"""The prepared pictures in memory: chosen, composited on backgrounds, recoloured, as float
batches.

Reads the files that `guided.training.data.prepare` writes. Every random choice comes
from the generator that the caller passes, so step n of a training is the same after a resume.
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

LUMA = torch.tensor([0.299, 0.587, 0.114])  # how light red, green and blue are (BT.601)


@dataclass
class Pictures:
    pixels: Tensor  # (N, 4, S, S) uint8, colour premultiplied by alpha
    concepts: Tensor  # (N,) index into `words`
    vendors: list[str]  # N names
    words: list[dict]  # label, tags, zh, zh_tags, group of each concept
    styles: dict[str, str]  # vendor -> style words

    def __len__(self) -> int:
        return len(self.pixels)

    def batch(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """rows (B,) -> premultiplied colour (B, 3, S, S), alpha (B, 1, S, S), both in [0, 1]."""
        both = self.pixels[rows].float() / 255
        return both[:, :3], both[:, 3:]


def prepared(folder: str | Path) -> bool:
    """Is this what guided.training.data.prepare made, and not a folder of pictures?"""
    return (Path(folder) / "captions.json").exists()


def load(folder: str | Path, size: int) -> Pictures:
    """The prepared set at `size` pixels; shrinking it is done once and kept beside it. BadInput
    where there is none."""
    folder = Path(folder)
    if not prepared(folder):
        raise BadInput(f"data={folder}: python -m guided.training.data makes it")
    book = json.loads((folder / "captions.json").read_text())
    kept = folder / f"pictures-{size}.npy"
    if not kept.exists():
        draft = kept.with_name(f"draft-{kept.name}")
        np.save(draft, _shrunk(np.load(folder / "pictures.npy", mmap_mode="r"), size))
        draft.rename(kept)
    return Pictures(
        pixels=torch.from_numpy(np.load(kept)),
        concepts=torch.tensor([row["concept"] for row in book["pictures"]]),
        vendors=[row["vendor"] for row in book["pictures"]],
        words=book["concepts"],
        styles=book["styles"],
    )


def _shrunk(pictures: np.ndarray, size: int) -> np.ndarray:
    """(N, P, P, 4) uint8 with straight alpha -> (N, 4, size, size) uint8, premultiplied, area-
    averaged."""
    out = np.empty((len(pictures), 4, size, size), np.uint8)
    for i in range(0, len(pictures), 256):
        part = torch.from_numpy(pictures[i : i + 256].copy()).permute(0, 3, 1, 2).float()
        part[:, :3] *= part[:, 3:] / 255
        part = F.interpolate(part, size=(size, size), mode="area")
        out[i : i + 256] = part.round().byte().numpy()
    return out


def hue_rotated(colour: Tensor, angle: Tensor) -> Tensor:
    """(B, 3, H, W) turned by `angle` (B,) radians around the grey axis: cheap, linear, works on
    premultiplied colour."""
    cos, sin = angle.cos(), angle.sin()
    third, root = (1 - cos) / 3, sin / math.sqrt(3)
    rows = [
        cos + third,
        third - root,
        third + root,
    ]  # the circulant matrix of a rotation about (1, 1, 1)
    matrix = torch.stack(
        [torch.stack([rows[(j - i) % 3] for j in range(3)], -1) for i in range(3)], -2
    )
    return torch.einsum("bij,bjhw->bihw", matrix, colour).clamp(0, 1)


def shaded(colour: Tensor, alpha: Tensor, tint: Tensor) -> Tensor:
    """Premultiplied colour (B, 3, H, W) in shades of `tint` (B, 3): what was lighter than the
    object's mean is a lighter shade."""
    light = torch.einsum("c,bchw->bhw", LUMA, colour)[:, None]
    mean = light.sum((1, 2, 3), keepdim=True) / alpha.sum((1, 2, 3), keepdim=True).clamp(min=1e-3)
    shades = tint[:, :, None, None] * light / mean.clamp(min=1e-3)
    return torch.minimum(shades, alpha)


def placed(
    colour: Tensor, alpha: Tensor, size: int, scale: float, shift: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """The object at `scale` of a `size` canvas, in its centre, or moved from there by `shift`
    (B, 2) whole pixels."""
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


def over(colour: Tensor, alpha: Tensor, ground: Tensor) -> Tensor:
    """Premultiplied colour over a background (B, 3, 1, 1) or (B, 3, H, W)."""
    return colour + (1 - alpha) * ground
