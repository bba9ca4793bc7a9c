"""The work of Disco Diffusion's cutouts, number for number. Knows nothing about CLIP.

Draws from torch's generator in the order in which Disco and DiscoArt do, so that with the same
state of the generator the cutouts are the same.

Resizing: Shocher's resize-right, with its defaults (cubic, antialiased, black around the image).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.compat.open_clip import import_open_clip
from guided.cutouts.resize_right import resize
from guided.cutouts.standard import merged, normal_like, seeded
from guided.interfaces import CutoutBatch
from guided.schedule import Schedule


class DiscoSettings(Protocol):
    """Values of the settings `cutouts=disco` (guided.cutouts.settings.Dango)."""

    augment: bool
    shared: bool
    variants: str
    overview: Schedule
    inner: Schedule
    power: Schedule
    gray: Schedule
    batches: Schedule
    merge: Schedule | None


class DiscoCutoutSampler:
    """Cutouts as settings say, differentiable with respect to the image."""

    def __init__(self, settings: DiscoSettings) -> None:
        import_open_clip()  # knows how to import torchvision where its operators are missing
        from torchvision.transforms import functional

        self.settings = settings
        self.gray, self.mirrored = functional.rgb_to_grayscale, functional.hflip
        self.augment = augmentations() if settings.augment else (lambda views: views)

    def __call__(
        self, image: Tensor, size: tuple[int, int], progress: float, seed: int
    ) -> CutoutBatch:
        """image (1, 3, H, W) in [0, 1], CLIP's (height, width) -> views (N, 3, *size)."""
        sets, inner = int(self.settings.batches(progress)), int(self.settings.inner(progress))
        whole = self._overviews(progress)
        kinds = [kind for kind, _ in whole]
        with seeded(seed):
            views = torch.cat([self._one_set(image, size, progress, kinds) for _ in range(sets)])
        return CutoutBatch(views, ([count for _, count in whole] + [1] * inner) * sets)

    def _one_set(
        self, image: Tensor, size: tuple[int, int], progress: float, kinds: list[int]
    ) -> Tensor:
        cutouts = self._cutouts(image, size, progress, kinds)
        if self.settings.shared:
            return self.augment(torch.cat(list(cutouts)))
        # One by one, because each cutout's place is drawn after the augmentations of the last.
        return torch.cat([self.augment(cutout) for cutout in cutouts])

    def _cutouts(
        self, image: Tensor, size: tuple[int, int], progress: float, kinds: list[int]
    ) -> Iterator[Tensor]:
        if kinds:
            whole = resize(letter_boxed(image), size)
            yield from (self._variant(whole, kind) for kind in kinds)
        yield from self._inner(image, size, progress)

    def _overviews(self, progress: float) -> list[tuple[int, int]]:
        """The kind of each overview, and for how many it stands."""
        chosen = self.settings
        overview = int(chosen.overview(progress))
        varied = 0 if overview > 4 and chosen.variants == "few" else 4
        kinds = [k if k < varied else 0 for k in range(overview)]
        plain = merged(kinds.count(0), chosen.merge and chosen.merge(progress))
        first = [(kind, plain.pop(0) if kind == 0 else 1) for kind in kinds[:varied]]
        return first + [(0, count) for count in plain]

    def _variant(self, whole: Tensor, kind: int) -> Tensor:
        """Plain, grey, mirrored, grey and mirrored."""
        view = self.mirrored(whole) if kind >= 2 else whole
        return self.gray(view, 3) if kind % 2 else view

    def _inner(self, image: Tensor, size: tuple[int, int], progress: float) -> Iterator[Tensor]:
        """Squares at random places, of random sizes, the first ones grey."""
        height, width = image.shape[2:]
        count, power = int(self.settings.inner(progress)), self.settings.power(progress)
        grays = int(self.settings.gray(progress) * count)
        most, least = min(height, width), min(height, width, *size)
        for k in range(count):
            side = int(torch.rand([]) ** power * (most - least) + least)
            left = int(torch.randint(0, width - side + 1, ()))
            top = int(torch.randint(0, height - side + 1, ()))
            view = image[:, :, top : top + side, left : left + side]
            # One more than asked for, as in Disco.
            yield resize(self.gray(view, 3) if k <= grays else view, size)


def augmentations() -> Callable[[Tensor], Tensor]:
    """Disco's chain for stills. torchvision draws once for all that it is given together; only the
    noise differs from view to view."""
    from torchvision import transforms as T

    return T.Compose(
        [
            T.RandomHorizontalFlip(p=0.5),
            noisy,
            T.RandomAffine(10, translate=(0.05, 0.05), interpolation=T.InterpolationMode.BILINEAR),
            noisy,
            T.RandomGrayscale(p=0.1),
            noisy,
            coloured,
        ]
    )


def coloured(views: Tensor) -> Tensor:
    """torchvision's ColorJitter, whose change of hue costs more than all else that is done to
    views: there every pixel is a product of matrices."""
    from torchvision.transforms import ColorJitter
    from torchvision.transforms.functional import (
        adjust_brightness,
        adjust_contrast,
        adjust_saturation,
    )

    changes = adjust_brightness, adjust_contrast, adjust_saturation, hue_turned
    spread = (0.9, 1.1)
    order, *factors = ColorJitter.get_params(spread, spread, spread, (-0.1, 0.1))
    for k in order.tolist():
        views = changes[k](views, factors[k])
    return views


def hue_turned(views: Tensor, turn: float) -> Tensor:
    """(B, 3, H, W) with the hue of each pixel moved on by `turn` of the circle, in HSV (Smith,
    "Color Gamut Transform Pairs", 1978, https://doi.org/10.1145/800248.807361). As in torchvision,
    all channels but the one that is then the largest are kept to [0, 1]."""
    red, green, blue = views.split(1, dim=1)
    most, least = views.max(1, keepdim=True).values, views.min(1, keepdim=True).values
    chroma = most - least
    steep = torch.where(chroma == 0, 1.0, chroma)
    past_green = torch.where(most == green, 2 + (blue - red) / steep, 4 + (red - green) / steep)
    hue = torch.where(most == red, (green - blue) / steep, past_green)  # in sixths of the circle
    channels = 5 - 2 * torch.arange(3, device=views.device).view(1, 3, 1, 1)
    away = (hue + (6 * turn + channels)).remainder(6)
    share = torch.minimum(away, 4 - away).clamp(0, 1)  # of the way from the most to the least
    return torch.where(share == 0, most, (most - chroma * share).clamp(0, 1))


def noisy(views: Tensor) -> Tensor:
    return views + 0.01 * normal_like(views)


def letter_boxed(image: Tensor) -> Tensor:
    """A square with black bars."""
    height, width = image.shape[2:]
    short = min(height, width)
    across, down = (height - short) // 2, (width - short) // 2
    return F.pad(image, (across, across, down, down))
