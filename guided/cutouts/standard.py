"""The standard cutouts: views of an image at CLIP's input size, each augmented independently.

Disco Diffusion draws one flip, rotation and colour change for all cutouts of a step, so that they
are nearly the same view. Augmented cutouts as such: Crowson et al., "VQGAN-CLIP", 2022,
https://arxiv.org/abs/2204.08583
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guided import devices
from guided.cutouts.places import Places
from guided.cutouts.resize import resize, taps
from guided.cutouts.squares import Square, resize_squares
from guided.devices import sent
from guided.images import LUMA, middle, square
from guided.interfaces import CutoutBatch
from guided.schedule import Schedule


class StandardSettings(Protocol):
    """Values of the settings `cutouts=default` (guided.cutouts.settings.Cutouts)."""

    area: str
    augment: bool
    stratified: bool
    size_weight: Schedule
    whole_weight: Schedule
    overview: Schedule
    inner: Schedule
    power: Schedule
    gray: Schedule
    batches: Schedule
    merge: Schedule | None
    smallest: Schedule | None
    flip: Schedule
    degrees: Schedule
    translate: Schedule
    noise: Schedule
    grayscale: Schedule
    jitter: Schedule


class CutoutSampler:
    """A sampler of cutouts that are differentiable with respect to the image."""

    def __init__(self, settings: StandardSettings, places: Places | None = None) -> None:
        self.settings, self.places = settings, places

    def __call__(
        self, image: Tensor, size: tuple[int, int], progress: float, seed: int
    ) -> CutoutBatch:
        """Return views (N, 3, *size) of an image (1, 3, H, W) in [0, 1]; size: height, width."""
        settings = self.settings
        sets, inner = round(settings.batches(progress)), round(settings.inner(progress))
        places = self.places
        if settings.area == "middle":
            image, places = places.middle(image) if places else (middle(image), None)
        limit = None if settings.merge is None else settings.merge(progress)
        whole = multiplicities(round(settings.overview(progress)), limit)
        shown: list[Tensor] = []
        weights: list[float] = []
        with seeded(seed):
            for _ in range(sets):
                if whole:
                    shown.append(overviews(image, size, len(whole)))
                    weights += [count * settings.whole_weight(progress) for count in whole]
                if inner:
                    views, sides = self._inner(image, size, progress, inner, places)
                    shown.append(views)
                    weights += [side ** settings.size_weight(progress) for side in sides]
            views = torch.cat(shown)
            views = self._augmented(views, progress) if settings.augment else views
        total = (sum(whole) + inner) * sets
        return CutoutBatch(views, [weight * total / sum(weights) for weight in weights])

    def _inner(
        self,
        image: Tensor,
        size: tuple[int, int],
        progress: float,
        count: int,
        places: Places | None,
    ) -> tuple[Tensor, list[float]]:
        """Return random squares, the first grey, and their sides as shares of the short side:
        between the smallest and 1."""
        short, smallest = min(image.shape[2:]), self.settings.smallest
        least = (
            min(short, min(size))
            if smallest is None
            else max(1, round(smallest(progress) * short))
        )
        power, gray = self.settings.power(progress), self.settings.gray(progress)
        even = self.settings.stratified
        draws = stratified(count, *image.shape[2:]) if even else torch.rand(count, 3)
        squares: list[Square] = []
        for width, across, down in draws.tolist():
            side = int(width**power * (short - least) + least)
            left = int(across * (image.shape[3] - side + 1))
            top = int(down * (image.shape[2] - side + 1))
            if places is not None:
                left, top = places.corner(across, down, side)
            squares.append((left, top, side))
        views, grays = resized_each(image, squares, size), round(gray * count)
        sides = [side / short for _, _, side in squares]
        return torch.cat([grayscale(views[:grays]), views[grays:]]), sides

    def _augmented(self, views: Tensor, progress: float) -> Tensor:
        settings = self.settings
        flip, degrees, translate = (
            setting(progress) for setting in (settings.flip, settings.degrees, settings.translate)
        )
        if flip or degrees or translate:
            views = moved(views, flip, degrees, translate)
        for change in colour_changes(settings.grayscale(progress), settings.jitter(progress)):
            views = change(views)
        if noise := settings.noise(progress):
            views = views + noise * normal_like(views)
        return views


@lru_cache(maxsize=64)  # constructing them costs more than applying them
def colour_changes(grayscale: float, jitter: float) -> list[torch.nn.Module]:
    """Return kornia's augmentations, which draw for each view: grey with a probability, and a
    maximum change of brightness and contrast."""
    if not (grayscale or jitter):
        return []  # without importing kornia
    from kornia import augmentation as K

    chain: list[torch.nn.Module] = []
    if grayscale:
        chain.append(K.RandomGrayscale(p=grayscale))
    if jitter:
        # Unclipped, because values outside [0, 1] need a gradient too. No saturation, which always
        # clips, and no hue, whose conversion to HSV costs as much as a small CLIP.
        spread = (1 - jitter, 1 + jitter)
        chain.append(K.RandomBrightness(spread, clip_output=False, p=1.0))
        chain.append(K.RandomContrast(spread, clip_output=False, p=1.0))
    return chain


def stratified(count: int, height: int, width: int) -> Tensor:
    """Return (count, 3) numbers in [0, 1) in random order: the sizes, one in each of `count` equal
    parts, and the places across and down, one in each of `count` cells of equal area, in rows, for
    a picture of height x width. Each number alone is uniform.

    Jittered sampling: Cook, "Stochastic Sampling in Computer Graphics", 1986,
    https://doi.org/10.1145/7529.8927"""
    rows = min(count, max(1, round(math.sqrt(count * height / width))))
    cells = (count + torch.randperm(rows)) // rows  # in each row, as equal as can be
    row = torch.arange(rows).repeat_interleave(cells)
    first = (cells.cumsum(0) - cells)[row]
    jitter = torch.rand(count, 3).double()  # in float32 the last cell could end at 1
    sizes = (torch.randperm(count) + jitter[:, 0]) / count
    across = (torch.arange(count) - first + jitter[:, 1]) / cells[row]
    down = (first + cells[row] * jitter[:, 2]) / count
    return torch.stack([sizes, across, down], 1)[torch.randperm(count)]


def moved(views: Tensor, flip: float, degrees: float, translate: float) -> Tensor:
    """Return views (N, 3, h, w) mirrored with probability `flip`, rotated by up to `degrees` and
    shifted by up to `translate` of the side, each by its own draw and in one interpolation."""
    count, height, width = len(views), *views.shape[2:]
    draw = torch.rand(4, count)
    mirror = torch.where(draw[0] < flip, -1.0, 1.0)
    angle = (2 * draw[1] - 1) * math.radians(degrees)
    shift = (2 * draw[2:] - 1) * 2 * translate  # the grid spans -1 to 1
    cos, sin, aspect = angle.cos(), angle.sin(), height / width
    across = torch.stack([mirror * cos, -mirror * sin * aspect, shift[0]], dim=1)
    down = torch.stack([sin / aspect, cos, shift[1]], dim=1)
    turns = sent(torch.stack([across, down], 1), views)
    grid = F.affine_grid(turns, [count, 3, height, width], False)
    return F.grid_sample(views, grid, "bilinear", "border", align_corners=False)


def normal_like(views: Tensor) -> Tensor:
    """Return standard normal noise from torch's global generator; on a GPU from one there that is
    seeded from it, because drawing on the CPU would take longer than encoding on the GPU."""
    if views.device.type == "cpu":
        return torch.randn(views.shape, dtype=views.dtype)
    if views.is_meta:
        return torch.randn_like(views)
    rng = torch.Generator(views.device).manual_seed(int(torch.randint(2**62, ())))
    return torch.randn(views.shape, generator=rng, device=views.device, dtype=views.dtype)


def multiplicities(count: int, limit: float | None) -> list[int]:
    """Return the multiplicities when `count` equal overviews are represented by at most `limit`;
    None: by all."""
    views = count if limit is None else min(count, round(limit))
    return [count // views + (k < count % views) for k in range(views)]


def overviews(image: Tensor, size: tuple[int, int], count: int) -> Tensor:
    """Return the whole image letter-boxed, `count` times: (count, 3, *size)."""
    return resize(square(image), size).expand(count, -1, -1, -1)


def resized_each(image: Tensor, squares: Sequence[Square], size: tuple[int, int]) -> Tensor:
    """Return squares of an image (1, 3, H, W) at `size`: (N, 3, *size)."""
    if not devices.on_cpu(image):
        return resize_squares(image, squares, size, taps)
    return torch.cat(
        [
            resize(image[:, :, top : top + side, left : left + side], size)
            for left, top, side in squares
        ]
    )


def grayscale(image: Tensor) -> Tensor:
    """Return the luma of an image (B, 3, H, W) in all three channels."""
    luma = sent(torch.tensor(LUMA), image).view(1, 3, 1, 1)
    return (image * luma).sum(1, keepdim=True).expand_as(image)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the CPU's global generator, which kornia draws from, and restore its state after."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
