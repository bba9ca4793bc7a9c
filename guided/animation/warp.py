"""Warping of pictures: along a map of the plane, a depth map, or optical flow.

Positions are in pixels from the top left corner, as in camera.py.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.animation.camera import OUTSIDE

if TYPE_CHECKING:
    from guided.animation.camera import Matrix

MARGIN = 4  # pixels around a picture that is wrapped, for bicubic sampling
SAME = 0.05  # relative difference of depths that are of one surface
FAR, SLACK = 0.05, 0.75  # share of the flow's length, and pixels, by which both may disagree
REFINED = 3  # times that the depth of the new view is corrected


def pixels(size: tuple[int, int]) -> Tensor:
    """Return the middles of all pixels of a picture of `size` (width, height) as homogeneous
    vectors (H, W, 3), float64."""
    width, height = size
    x = torch.arange(width, dtype=torch.float64) + 0.5
    y = torch.arange(height, dtype=torch.float64) + 0.5
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), -1)
    return torch.cat([grid, torch.ones_like(grid[..., :1])], -1)


def flat(image: Tensor, mapped: Matrix, border: str) -> tuple[Tensor, Tensor]:
    """Return the image (1, C, H, W) under a map (3, 3) of its pixels, and a mask (1, 1, H, W) of
    those that it does not cover."""
    size = image.shape[3], image.shape[2]
    back = torch.from_numpy(np.linalg.inv(mapped))
    places = pixels(size) @ back.T
    ahead = places[..., 2] > 1e-9  # what is behind the camera covers nothing
    found = places[..., :2] / places[..., 2:].clamp(min=1e-9)
    return sampled(image, found, border), uncovered(found, size) | ~ahead[None, None]


def deep(image: Tensor, depth: Tensor, moved: Matrix, border: str) -> tuple[Tensor, Tensor]:
    """Return the image (1, C, H, W) as the moved camera sees it, and a mask (1, 1, H, W) of what
    it uncovers. `depth` (1, 1, H, W) is the distance of each pixel's plane from the camera, and
    `moved` (4, 4) maps pixels times depths, as Move.deep."""
    size = image.shape[3], image.shape[2]
    turned, shift = torch.from_numpy(moved[:3, :3].copy()), torch.from_numpy(moved[:3, 3].copy())
    back = torch.from_numpy(np.linalg.inv(moved[:3, :3]))
    grid, near = pixels(size), depth[0, 0].double()
    points = grid * near[..., None] @ turned.T + shift
    new = splatted(points, points[..., 2])
    empty = new.isinf()
    new = torch.where(empty, points[..., 2].max(), new)
    wrong = torch.zeros_like(empty)
    for _ in range(REFINED):
        old = (grid * new[..., None] - shift) @ back.T
        found = old[..., :2] / old[..., 2:].clamp(min=1e-9)
        there = sampled(depth.double(), found, "border", "bilinear")[0, 0]
        wrong = (there / old[..., 2].clamp(min=1e-9) - 1).abs() > SAME
        source = torch.cat([found, torch.ones_like(found[..., :1])], -1)
        better = ((source * there[..., None]) @ turned.T + shift)[..., 2]
        new = torch.where(empty | wrong, new, better)
    lost = (empty | wrong)[None, None] | uncovered(found, size)
    return sampled(image, found, border), lost


def splatted(places: Tensor, depths: Tensor) -> Tensor:
    """Return the depth (H, W) of the nearest of the points that are seen at each pixel: points
    (H, W, 3) on the picture, homogeneous, and their depths; inf where there is none. Cracks of a
    pixel between points of one surface are closed."""
    height, width = depths.shape
    at = places[..., :2] / places[..., 2:].clamp(min=1e-9)

    def nearest(x: Tensor, y: Tensor) -> Tensor:
        seen = (x >= 0) & (x < width) & (y >= 0) & (y < height) & (depths > 1e-9)
        found = torch.full((height * width,), math.inf, dtype=torch.float64)
        index = (y.clamp(0, height - 1) * width + x.clamp(0, width - 1))[seen].long()
        return found.scatter_reduce(0, index, depths[seen], "amin").view(height, width)

    exact = nearest(at[..., 0].floor(), at[..., 1].floor())
    left, top = (at - 0.5).floor().unbind(-1)
    corners = [nearest(left + x, top + y) for x in (0, 1) for y in (0, 1)]
    around = torch.stack(corners).amin(0)
    full = exact.isfinite().double()[None, None]
    crack = F.avg_pool2d(F.pad(full, (1, 1, 1, 1), mode="replicate"), 3, 1)[0, 0] > 0.4
    return torch.where(exact.isinf() & crack, around, exact)


def uncovered(places: Tensor, size: tuple[int, int]) -> Tensor:
    """Return a mask (1, 1, H, W) of positions (H, W, 2) outside of a picture of `size`."""
    limits = torch.tensor(size, dtype=places.dtype) + OUTSIDE
    return ((places < -OUTSIDE) | (places > limits)).any(-1)[None, None]


def sampled(image: Tensor, places: Tensor, border: str, mode: str = "bicubic") -> Tensor:
    """Return the image (1, C, H, W) at positions (H, W, 2). Outside of it there is the image again
    (`wrap`), its mirror image (`mirror`) or its edge (`border`, and `draw` until it is drawn)."""
    height, width = image.shape[2:]
    sides = torch.tensor([width, height], dtype=places.dtype)
    if border == "wrap":
        pad = min(MARGIN, width, height)
        image = F.pad(image, (pad,) * 4, mode="circular")
        places, sides = places.remainder(sides) + pad, sides + 2 * pad
    grid = (places / sides * 2 - 1).to(image.dtype)[None]
    padding = "reflection" if border == "mirror" else "border"
    return F.grid_sample(image, grid, mode, padding, align_corners=False)


def moved(image: Tensor, found: Tensor) -> Tensor:
    """Return the image (1, C, H, W) moved along a flow (H, W, 2): at p, what is at p + flow."""
    size = image.shape[3], image.shape[2]
    return sampled(image, pixels(size)[..., :2] + found.double(), "border")


def consistent(forward: Tensor, backward: Tensor) -> Tensor:
    """Return a mask (1, 1, H, W) of the pixels of the second picture that were seen in the first:
    there and back again ends where it began. `forward` takes pixels of the second picture to the
    first, `backward` those of the first to the second.

    Sundaram, Brox and Keutzer 2010, https://doi.org/10.1007/978-3-642-15549-9_32"""
    there = moved(backward.permute(2, 0, 1)[None], forward)[0].permute(1, 2, 0)
    apart = (forward + there).norm(dim=-1)
    return (apart <= SLACK + FAR * (forward.norm(dim=-1) + there.norm(dim=-1)))[None, None]
