"""Augmentation of the pictures that CLIP learns from: moved, rotated and recoloured objects on
varied backgrounds, blurred and noisy as cutouts of a half-finished picture are, and the names of
the resulting colours.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.outputs.manners import over
from guided.training.data import manners, sources
from guided.training.data.captions import COLOURED
from guided.training.data.pictures import Pictures, hue_rotated

# Reference colours in RGB; an object's colour is the nearest one of most of its pixels.
PALETTE = {
    "red": [(0.88, 0.15, 0.18), (0.7, 0.1, 0.15)],
    "orange": [(0.97, 0.58, 0.15)],
    "yellow": [(1.0, 0.83, 0.25), (0.95, 0.9, 0.4)],
    "green": [(0.3, 0.7, 0.25), (0.1, 0.45, 0.2), (0.6, 0.8, 0.3)],
    "light blue": [(0.55, 0.8, 0.95), (0.3, 0.8, 0.85)],
    "blue": [(0.2, 0.45, 0.85), (0.1, 0.2, 0.6)],
    "purple": [(0.5, 0.25, 0.7), (0.65, 0.45, 0.85)],
    "pink": [(0.97, 0.55, 0.7), (0.93, 0.3, 0.6)],
    "brown": [(0.5, 0.32, 0.2), (0.65, 0.45, 0.3)],
    "white": [(0.96, 0.96, 0.96)],
    "grey": [(0.6, 0.62, 0.65), (0.42, 0.44, 0.47)],
    "black": [(0.12, 0.12, 0.14)],
}
NAMES = list(PALETTE)
POINTS = torch.tensor([point for points in PALETTE.values() for point in points])
OWNER = torch.tensor([i for i, points in enumerate(PALETTE.values()) for _ in points])
CLEAR = 0.5  # share of an object's pixels that must agree before its colour is named


def colour_names(colour: Tensor, alpha: Tensor) -> list[str | None]:
    """Return the name of the colour that most pixels of each object have; None without a clear
    majority. colour (B, 3, S, S) premultiplied, alpha (B, 1, S, S)."""
    small, cover = F.adaptive_avg_pool2d(colour, 16), F.adaptive_avg_pool2d(alpha, 16)
    pixels = (
        (small / cover.clamp(min=1e-3)).flatten(2).transpose(1, 2)
    )  # (B, 256, 3), straight colour
    nearest = OWNER[(pixels[:, :, None] - POINTS).square().sum(-1).argmin(-1)]
    votes = F.one_hot(nearest, len(NAMES)).float() * cover.flatten(2).transpose(1, 2)
    share, winner = (votes.sum(1) / votes.sum((1, 2)).clamp(min=1e-3)[:, None]).max(-1)
    return [
        NAMES[w] if s > CLEAR else None
        for w, s in zip(winner.tolist(), share.tolist(), strict=True)
    ]


def indices_of(names: list[str | None]) -> Tensor:
    """Return the indices of colour names in NAMES, -1 for None."""
    return torch.tensor([NAMES.index(name) if name else -1 for name in names])


def names_of(indices: Tensor) -> list[str | None]:
    """Return the colour names of indices; the inverse of indices_of()."""
    return [NAMES[i] if i >= 0 else None for i in indices.tolist()]


def recoloured(
    colour: Tensor, dataset: Pictures, rows: Tensor, share: float, rng: torch.Generator
) -> Tensor:
    """Return `colour` (B, 3, S, S) with another hue for the share `share` of those pictures whose
    names say no colour."""
    fixed = torch.tensor(
        [bool(COLOURED.search(dataset.words[i]["label"])) for i in dataset.concepts[rows].tolist()]
    )
    turned = (torch.rand(len(rows), generator=rng) < share) & ~fixed
    return hue_rotated(colour, (torch.rand(len(rows), generator=rng) * 4.2 + 1.0) * turned)


def backgrounds(count: int, size: int, rng: torch.Generator) -> tuple[Tensor, list[str | None]]:
    """Return backgrounds (B, 3, S, S): white, plain of a named colour, gradients and smooth
    noise; and the colour names of the plain ones."""
    kind = torch.rand(count, generator=rng)
    which = torch.randint(len(POINTS), (count,), generator=rng)
    plain = (POINTS[which] + 0.08 * torch.randn(count, 3, generator=rng)).clamp(0, 1)[
        :, :, None, None
    ]
    corners = torch.rand(count, 3, 2, 2, generator=rng)
    noise = torch.rand(count, 3, 5, 5, generator=rng)
    pick = kind.view(-1, 1, 1, 1)
    out = torch.where(pick < 0.45, torch.ones_like(plain), plain).expand(-1, -1, size, size)
    out = torch.where(pick > 0.78, enlarged(corners, size), out)
    out = torch.where(pick > 0.90, enlarged(noise, size), out)
    names = [
        NAMES[OWNER[w]] if 0.45 <= k <= 0.78 else "white" if k < 0.45 else None
        for w, k in zip(which.tolist(), kind.tolist(), strict=True)
    ]
    return out, names


def enlarged(images: Tensor, size: int) -> Tensor:
    """Return images (B, 3, s, s) at (size, size), bilinear between their corners' centres."""
    return F.interpolate(images, size=(size, size), mode="bilinear", align_corners=True)


def transformed(both: Tensor, rng: torch.Generator) -> Tensor:
    """Return images (B, C, H, W) flipped, rotated, stretched, shifted and zoomed, zero beyond
    their edges."""
    count = len(both)
    draw = lambda low, high: torch.rand(count, generator=rng) * (high - low) + low  # noqa: E731
    zoom = torch.where(
        draw(0, 1) < 0.12, draw(0.5, 0.8), draw(0.85, 1.7)
    )  # below 1 is a close look at a part
    turn = draw(-0.3, 0.3) * (draw(0, 1) < 0.6)
    stretch = draw(-0.12, 0.12).exp()
    flip = (draw(0, 1) < 0.5).float() * 2 - 1
    reach = (zoom - 0.9).clamp(min=0.05) + 0.08  # of the shift
    cos, sin = turn.cos() * zoom, turn.sin() * zoom
    across = torch.stack([cos * stretch * flip, -sin, draw(-1, 1) * reach], -1)
    down = torch.stack([sin * flip, cos / stretch, draw(-1, 1) * reach], -1)
    grid = F.affine_grid(torch.stack([across, down], 1), list(both.shape), align_corners=False)
    return F.grid_sample(both, grid, align_corners=False)


def degraded(images: Tensor, rng: torch.Generator, mild: bool = False) -> Tensor:
    """Return images (B, 3, S, S) in [0, 1], some of them blurred, noisy, and of other contrast:
    as much as in a picture that is still half noise, or (`mild`) as in a finished one."""
    count, size = len(images), images.shape[-1]
    kind = torch.rand(count, generator=rng) * (0.8 if mild else 1.0)
    out = images.clone()
    for low, high, side in (
        (0.40, 0.65, size // 2),
        (0.65, 0.82, size // 4),
        (0.82, 0.92, size // 6),
        (0.92, 1.0, size // 9),
    ):
        some = (kind >= low) & (kind < high)
        if some.any():
            small = F.interpolate(images[some], size=(side, side), mode="area")
            out[some] = F.interpolate(
                small, size=(size, size), mode="bilinear", align_corners=False
            )
    level = (torch.rand(count, 1, 1, 1, generator=rng) - 0.6).clamp(min=0)
    level *= 0.1 if mild else 0.35
    contrast = 1 + 0.3 * torch.randn(count, 1, 1, 1, generator=rng).clamp(-2, 2) * 0.7
    mean = out.mean((1, 2, 3), keepdim=True)
    return ((out - mean) * contrast + mean + level * torch.randn(out.shape, generator=rng)).clamp(
        0, 1
    )


def views(
    dataset: Pictures, rows: Tensor, rng: torch.Generator, ease: float, hard: bool = False,
    manner: Tensor | None = None,
) -> tuple[Tensor, list[str | None], list[str | None]]:  # fmt: skip
    """Return augmented pictures (B, 3, S, S) in [0, 1] of rows (B,), and the names of the objects'
    and of the backgrounds' colours.

    The share `ease` is not degraded. `hard`: also warped, jittered in colour, partly occluded.
    `manner` (B,): indices of MANNERS, -1 for none; no colours are named beside one.
    """
    colour, alpha = dataset.batch(rows)
    colour = tinted(colour, alpha, dataset, rows, rng)
    colour = recoloured(colour, dataset, rows, 0.3, rng)
    names = colour_names(colour, alpha)
    both = torch.cat([colour_jittered(colour, alpha, rng) if hard else colour, alpha], 1)
    both = transformed(warped(both, rng) if hard else both, rng)
    behind, ground_names = backgrounds(len(rows), both.shape[-1], rng)
    clean = over(both[:, :3], both[:, 3:], behind)
    if manner is not None:
        filtered = manners.drawn(both[:, :3], both[:, 3:], manner, rng)
        clean = torch.where((manner >= 0).view(-1, 1, 1, 1), filtered, clean)
        for i in (manner >= 0).nonzero()[:, 0].tolist():
            names[i] = ground_names[i] = None
    easy = torch.rand(len(rows), 1, 1, 1, generator=rng) < ease
    worn = degraded(occluded(clean, rng) if hard else clean, rng, mild=hard)
    return torch.where(easy, clean, worn), names, ground_names


def tinted(
    colour: Tensor, alpha: Tensor, dataset: Pictures, rows: Tensor, rng: torch.Generator
) -> Tensor:
    """Return `colour` with a palette's colour for monochrome pictures, which come in black."""
    plain = sources.tinted()
    some = torch.tensor([dataset.vendors[row] in plain for row in rows.tolist()])
    tint = POINTS[torch.randint(len(POINTS), (len(rows),), generator=rng)][:, :, None, None]
    return torch.where(some.view(-1, 1, 1, 1), tint * alpha, colour)


def colour_jittered(colour: Tensor, alpha: Tensor, rng: torch.Generator) -> Tensor:
    """Return premultiplied colour with random saturation, lightness and white balance, so that a
    name does not depend on one vendor's shades."""
    shape = (len(colour), 1, 1, 1)
    dull = torch.rand(shape, generator=rng) < 0.15
    much = torch.rand(shape, generator=rng)
    saturation = torch.where(dull, 0.4 * much, 0.7 + 0.6 * much)
    light = 0.8 + 0.4 * torch.rand(shape, generator=rng)
    balance = 0.85 + 0.3 * torch.rand(len(colour), 3, 1, 1, generator=rng)
    grey = colour.mean(1, keepdim=True)
    lit = (grey + (colour - grey) * saturation) * light * balance
    return torch.minimum(lit.clamp(min=0), alpha)


def warped(both: Tensor, rng: torch.Generator, most: float = 0.12) -> Tensor:
    """Return images (B, C, H, W) under a smooth random displacement of up to `most` of half their
    side."""
    count = len(both)
    coarse = (torch.rand(count, 2, 4, 4, generator=rng) * 2 - 1) * most
    smooth = F.interpolate(coarse, both.shape[-2:], mode="bicubic", align_corners=True)
    still = F.affine_grid(torch.eye(2, 3).expand(count, 2, 3), list(both.shape), False)
    return F.grid_sample(both, still + smooth.permute(0, 2, 3, 1), align_corners=False)


def occluded(images: Tensor, rng: torch.Generator, share: float = 0.25) -> Tensor:
    """Return images with a patch of plain colour over a share of them."""
    out, size = images.clone(), images.shape[-1]
    sides = torch.randint(size // 8, size // 3, (len(out), 2), generator=rng).tolist()
    places = torch.rand(len(out), 3, generator=rng).tolist()
    fill = torch.rand(len(out), 3, 1, 1, generator=rng)
    for i, ((height, width), (chance, y, x)) in enumerate(zip(sides, places, strict=True)):
        if chance < share:
            top, left = int(y * (size - height)), int(x * (size - width))
            out[i, :, top : top + height, left : left + width] = fill[i]
    return out


def prediction_views(images: Tensor, size: int, rng: torch.Generator) -> Tensor:
    """Return a denoiser's predictions (B, 3, s, s) as cutouts (B, 3, size, size): enlarged,
    shifted, zoomed and flipped, with their edges repeated."""
    large = F.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)
    shift = torch.rand(len(images), 2, generator=rng) * 0.3 - 0.15
    zoom = torch.rand(len(images), generator=rng) * 0.35 + 0.75
    flip = (torch.rand(len(images), generator=rng) < 0.5).float() * 2 - 1
    zero = torch.zeros_like(zoom)
    grid = torch.stack(
        [
            torch.stack([zoom * flip, zero, shift[:, 0]], -1),
            torch.stack([zero, zoom, shift[:, 1]], -1),
        ],
        1,
    )
    grid = F.affine_grid(grid, list(large.shape), align_corners=False)
    return F.grid_sample(large, grid, padding_mode="border", align_corners=False)
