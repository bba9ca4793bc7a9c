"""From one image to a batch of views at CLIP's size. Knows nothing about CLIP.

Each view has its own random draw. Where the references draw one flip, rotation and colour change
for all cutouts of a step, they show CLIP nearly the same picture many times over.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from guided.cutouts import Cutouts

LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601


class Views:
    """Cutouts as settings say, differentiable with respect to the image."""

    def __init__(self, settings: Cutouts) -> None:
        self.settings = settings
        self.augmentations = augmentations(settings) if settings.augment else []

    def __call__(self, image: Tensor, size: tuple[int, int], progress: float, seed: int) -> Tensor:
        """image (1, 3, H, W) in [0, 1], CLIP's (height, width) -> (N, 3, *size)."""
        with seeded(seed):
            sets = [self._one_set(image, size, progress) for _ in range(self.settings.batches)]
            return self._augmented(torch.cat(sets))

    def _one_set(self, image: Tensor, size: tuple[int, int], progress: float) -> Tensor:
        chosen = self.settings
        views = []
        if overview := int(chosen.overview(progress)):
            views.append(overviews(image, size, overview))
        if inner := int(chosen.inner(progress)):
            views.append(self._inner(image, size, progress, inner))
        return torch.cat(views)

    def _inner(self, image: Tensor, size: tuple[int, int], progress: float, count: int) -> Tensor:
        """Squares at random places, of random sizes, the first ones grey."""
        short = min(image.shape[2:])
        share = self.settings.smallest
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
        return (
            torch.cat([grayscale(torch.cat(views[:grays])), *views[grays:]])
            if grays
            else (torch.cat(views))
        )

    def _augmented(self, views: Tensor) -> Tensor:
        for augmentation in self.augmentations:
            views = augmentation(views)
        if self.settings.augment and self.settings.noise:
            views = views + self.settings.noise * torch.randn(views.shape).to(views)
        return views


def augmentations(settings: Cutouts) -> list[torch.nn.Module]:
    """Kornia's, which draw anew for every view and are differentiable."""
    from kornia import augmentation as K

    chain: list[torch.nn.Module] = []
    if settings.flip:
        chain.append(K.RandomHorizontalFlip(p=settings.flip))
    if settings.degrees or settings.translate:
        shift = settings.translate
        chain.append(
            K.RandomAffine(
                settings.degrees, translate=(shift, shift), p=1.0, padding_mode="border"
            )
        )
    if settings.grayscale:
        chain.append(K.RandomGrayscale(p=settings.grayscale))
    if settings.jitter:
        # No hue: its way through HSV costs as much as a small CLIP and tells it little.
        spread = (1 - settings.jitter, 1 + settings.jitter)
        chain += [K.RandomBrightness(spread, p=1.0), K.RandomContrast(spread, p=1.0)]
        chain.append(K.RandomSaturation(spread, p=1.0))
    return chain


def overviews(image: Tensor, size: tuple[int, int], count: int) -> Tensor:
    """The whole image `count` times: as it is, grey, mirrored, grey and mirrored, and round
    again. Augmentation tells equal ones apart."""
    plain = resize(square(image), size)
    kinds = [plain]
    if count > 1:
        kinds.append(grayscale(plain))
    if count > 2:
        kinds += [kind.flip(3) for kind in kinds]
    return torch.cat([kinds[k % len(kinds)] for k in range(count)])


def square(image: Tensor) -> Tensor:
    """Letter-boxed to a square with the image's mean colour, so that CLIP sees all of it in its
    true shape, and bars that are no part of any object."""
    height, width = image.shape[2:]
    if height == width:
        return image
    side = max(height, width)
    mean = image.detach().mean((2, 3), keepdim=True)
    top, left = (side - height) // 2, (side - width) // 2
    pad = (left, side - width - left, top, side - height - top)
    return F.pad(image - mean, pad) + mean


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, antialiased when it shrinks; the same values as resize-right inside the border."""
    if image.shape[2:] == tuple(size):
        return image
    return F.interpolate(image, size, mode="bicubic", align_corners=False, antialias=True)


def grayscale(image: Tensor) -> Tensor:
    luma = image.new_tensor(LUMA).view(1, 3, 1, 1)
    return (image * luma).sum(1, keepdim=True).expand_as(image)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Kornia draws from the global generator: lend it one seeded for this image, and put the
    global one back as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
