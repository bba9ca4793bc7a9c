"""From one image to a batch of views at CLIP's size. Knows nothing about CLIP.

Each view has its own random draw. Where the references draw one flip, rotation and colour change
for all cutouts of a step, they show CLIP nearly the same picture many times over.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.cutouts.resize import resize
from guided.devices import sent
from guided.images import middle, square
from guided.interfaces import CutoutBatch
from guided.schedule import Schedule

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class StandardSettings(Protocol):
    """Values of the settings `cutouts=default` (guided.cutouts.settings.Cutouts)."""

    area: str
    augment: bool
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
    """Cutouts as settings say, differentiable with respect to the image."""

    def __init__(self, settings: StandardSettings) -> None:
        self.settings = settings

    def __call__(
        self, image: Tensor, size: tuple[int, int], progress: float, seed: int
    ) -> CutoutBatch:
        """image (1, 3, H, W) in [0, 1], CLIP's (height, width) -> views (N, 3, *size)."""
        chosen = self.settings
        sets, inner = round(chosen.batches(progress)), round(chosen.inner(progress))
        if chosen.area == "middle":
            image = middle(image)
        whole = merged(round(chosen.overview(progress)), chosen.merge and chosen.merge(progress))
        with seeded(seed):
            views = torch.cat(
                [self._one_set(image, size, progress, len(whole), inner) for _ in range(sets)]
            )
            views = self._augmented(views, progress) if chosen.augment else views
        return CutoutBatch(views, (whole + [1] * inner) * sets)

    def _one_set(
        self, image: Tensor, size: tuple[int, int], progress: float, overview: int, inner: int
    ) -> Tensor:
        views = []
        if overview:
            views.append(overviews(image, size, overview))
        if inner:
            views.append(self._inner(image, size, progress, inner))
        return torch.cat(views)

    def _inner(self, image: Tensor, size: tuple[int, int], progress: float, count: int) -> Tensor:
        """Squares at random places, of random sizes, the first ones grey."""
        short = min(image.shape[2:])
        share = self.settings.smallest and self.settings.smallest(progress)
        least = min(short, min(size)) if share is None else max(1, round(share * short))
        power, gray = self.settings.power(progress), self.settings.gray(progress)
        draws = torch.rand(count, 3).tolist()
        views = []
        for width, across, down in draws:
            side = int(width**power * (short - least) + least)
            left = int(across * (image.shape[3] - side + 1))
            top = int(down * (image.shape[2] - side + 1))
            views.append(resize(image[:, :, top : top + side, left : left + side], size))
        grays = round(gray * count)
        return torch.cat([grayscale(view) for view in views[:grays]] + views[grays:])

    def _augmented(self, views: Tensor, progress: float) -> Tensor:
        chosen = self.settings
        flip, degrees, translate = (
            setting(progress) for setting in (chosen.flip, chosen.degrees, chosen.translate)
        )
        if flip or degrees or translate:
            views = moved(views, flip, degrees, translate)
        for colour in colours(chosen.grayscale(progress), chosen.jitter(progress)):
            views = colour(views)
        if noise := chosen.noise(progress):
            views = views + noise * normal_like(views)
        return views


@lru_cache(maxsize=64)  # making them costs more than using them
def colours(grayscale: float, jitter: float) -> list[torch.nn.Module]:
    """Kornia's, which draw anew for every view and are differentiable. Probability of grey, and
    by how much at most brightness and contrast change."""
    if not (grayscale or jitter):
        return []  # and kornia's start-up is saved
    from kornia import augmentation as K

    chain: list[torch.nn.Module] = []
    if grayscale:
        chain.append(K.RandomGrayscale(p=grayscale))
    if jitter:
        # Unclipped: what leaves [0, 1] must still be pulled back. No saturation, which clips
        # always, and no hue, whose way through HSV costs as much as a small CLIP.
        spread = (1 - jitter, 1 + jitter)
        chain.append(K.RandomBrightness(spread, clip_output=False, p=1.0))
        chain.append(K.RandomContrast(spread, clip_output=False, p=1.0))
    return chain


def moved(views: Tensor, flip: float, degrees: float, translate: float) -> Tensor:
    """Each view mirrored with probability `flip`, turned by up to `degrees` and shifted by up to
    `translate` of its side, in one sampling step; kornia would take one for each."""
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
    """Standard normal noise, from torch's global generator; on a GPU from one of its own that is
    seeded from there: a CPU would draw for longer than a GPU looks at the views."""
    if views.device.type == "cpu":
        return torch.randn(views.shape, dtype=views.dtype)
    if views.is_meta:
        return torch.randn_like(views)
    rng = torch.Generator(views.device).manual_seed(int(torch.randint(2**62, ())))
    return torch.randn(views.shape, generator=rng, device=views.device, dtype=views.dtype)


def merged(alike: int, most: float | None) -> list[int]:
    """For how many each of the views stands, where so many alike ones are shown as `most` at
    most."""
    shown = alike if most is None else min(alike, round(most))
    return [alike // shown + (k < alike % shown) for k in range(shown)]


def overviews(image: Tensor, size: tuple[int, int], count: int) -> Tensor:
    """The whole image `count` times; augmentation tells them apart."""
    return resize(square(image), size).expand(count, -1, -1, -1)


def grayscale(image: Tensor) -> Tensor:
    luma = image.new_tensor(LUMA).view(1, 3, 1, 1)
    return (image * luma).sum(1, keepdim=True).expand_as(image)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Kornia draws from the CPU's global generator: lend it one seeded for this image, and put the
    global one back as it was."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)
