"""Disco Diffusion's cutouts, with the same values.

Random numbers are drawn from torch's generator in the same order as by Disco and DiscoArt, so that
the same state of the generator gives the same cutouts. Resizing is that of resize-right with its
defaults (guided.cutouts.resize_right).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guided import devices
from guided.compat.open_clip import import_late
from guided.cutouts.places import Places
from guided.cutouts.resize_right import inner_taps, resize
from guided.cutouts.squares import Square, resize_squares
from guided.cutouts.standard import multiplicities, normal_like, seeded
from guided.devices import sent
from guided.interfaces import CutoutBatch
from guided.schedule import Schedule


class DiscoSettings(Protocol):
    """Values of the settings `cutouts=disco` (guided.cutouts.settings.DiscoCutouts)."""

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
    """A sampler of Disco's cutouts, differentiable with respect to the image."""

    def __init__(self, settings: DiscoSettings, places: Places | None = None) -> None:
        import_late()  # declares operators that torchvision may miss
        from torchvision.transforms import functional

        self.settings, self.places = settings, places
        self.gray, self.mirrored = functional.rgb_to_grayscale, functional.hflip
        self.augment = augmentations() if settings.augment else (lambda views: views)

    def __call__(
        self, image: Tensor, size: tuple[int, int], progress: float, seed: int
    ) -> CutoutBatch:
        """Return views (N, 3, *size) of an image (1, 3, H, W) in [0, 1]; size: height, width."""
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
        # One by one, because each cutout's position is drawn after the last one's augmentations.
        return torch.cat([self.augment(cutout) for cutout in cutouts])

    def _cutouts(
        self, image: Tensor, size: tuple[int, int], progress: float, kinds: list[int]
    ) -> Iterator[Tensor]:
        if kinds:
            whole = resize(letter_boxed(image), size)
            yield from (self._variant(whole, kind) for kind in kinds)
        yield from self._inner(image, size, progress)

    def _overviews(self, progress: float) -> list[tuple[int, int]]:
        """Return the variant (0 to 3) and the multiplicity of each overview."""
        settings = self.settings
        overview = int(settings.overview(progress))
        varied = 0 if overview > 4 and settings.variants == "few" else 4
        kinds = [k if k < varied else 0 for k in range(overview)]
        limit = None if settings.merge is None else settings.merge(progress)
        plain = multiplicities(kinds.count(0), limit)
        first = [(kind, plain.pop(0) if kind == 0 else 1) for kind in kinds[:varied]]
        return first + [(0, count) for count in plain]

    def _variant(self, whole: Tensor, kind: int) -> Tensor:
        """Return a variant: 0 plain, 1 grey, 2 mirrored, 3 grey and mirrored."""
        view = self.mirrored(whole) if kind >= 2 else whole
        return self.gray(view, 3) if kind % 2 else view

    def _inner(self, image: Tensor, size: tuple[int, int], progress: float) -> Iterator[Tensor]:
        """Yield random squares of random sizes, the first ones grey."""
        count = int(self.settings.inner(progress))
        grays = int(self.settings.gray(progress) * count) + 1  # one more than set, as in Disco
        squares = self._squares(image, size, progress)
        if count and self.settings.shared and not devices.on_cpu(image):
            views = resize_squares(image, list(squares), size, inner_taps)
            yield from (self.gray(views[:grays], 3), views[grays:])
            return
        for k, (left, top, side) in enumerate(squares):
            view = image[:, :, top : top + side, left : left + side]
            yield resize(self.gray(view, 3) if k < grays else view, size)

    def _squares(self, image: Tensor, size: tuple[int, int], progress: float) -> Iterator[Square]:
        """Draw the squares of inner cutouts."""
        height, width = image.shape[2:]
        count, power = int(self.settings.inner(progress)), self.settings.power(progress)
        most, least = min(height, width), min(height, width, *size)
        for _ in range(count):
            side = int(torch.rand([]) ** power * (most - least) + least)
            left = int(torch.randint(0, width - side + 1, ()))
            top = int(torch.randint(0, height - side + 1, ()))
            if self.places is not None:
                left, top = self.places.corner(float(torch.rand([])), float(torch.rand([])), side)
            yield left, top, side


def augmentations() -> Callable[[Tensor], Tensor]:
    """Return Disco's augmentations for stills. torchvision draws once per call; only the noise
    differs between the views of a call."""
    from torchvision import transforms as T

    return T.Compose(
        [
            T.RandomHorizontalFlip(p=0.5),
            noisy,
            turned,
            noisy,
            T.RandomGrayscale(p=0.1),
            noisy,
            coloured,
        ]
    )


def turned(views: Tensor) -> Tensor:
    """Return views (N, 3, h, w) rotated by up to 10 degrees and shifted by up to 5 % of the side,
    with the values of torchvision's RandomAffine. Its sampling grid is made on the CPU, because
    torchvision waits for the GPU while it makes it there."""
    from torchvision.transforms import RandomAffine

    height, width = views.shape[2:]
    size = [width, height]
    angle, shift, _, _ = RandomAffine.get_params([-10.0, 10.0], (0.05, 0.05), None, None, size)
    grid = sent(rotation_grid(math.radians(angle), shift, height, width), views)
    grid = grid.expand(len(views), -1, -1, -1)
    covered = torch.cat([views, torch.ones_like(views[:, :1])], 1)
    covered = F.grid_sample(covered, grid, "bilinear", "zeros", align_corners=False)
    return covered[:, :3] * covered[:, 3:]  # black outside; at the border doubly, as there


def rotation_grid(angle: float, shift: tuple[int, int], height: int, width: int) -> Tensor:
    """Return the grid (1, height, width, 2) for F.grid_sample that rotates an image by `angle`
    radians and then shifts it by whole pixels (right, down)."""
    cos, sin, (right, down) = math.cos(angle), math.sin(angle), shift
    rows = [[cos, sin, -cos * right - sin * down], [-sin, cos, sin * right - cos * down]]
    across, along = (torch.linspace(-n * 0.5 + 0.5, n * 0.5 - 0.5, n) for n in (width, height))
    pixels = torch.ones(height, width, 3)
    pixels[..., 0], pixels[..., 1] = across, along[:, None]
    turn = torch.tensor(rows).T / torch.tensor([0.5 * width, 0.5 * height])
    return (pixels.view(height * width, 3) @ turn).view(1, height, width, 2)


def coloured(views: Tensor) -> Tensor:
    """Return views with torchvision's ColorJitter, except for its change of hue, which takes more
    time than all other augmentations together."""
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
    """Return (B, 3, H, W) with the hue of HSV moved by `turn` of the circle. As in torchvision,
    all channels except the then largest are clamped to [0, 1].

    Smith, "Color Gamut Transform Pairs", 1978, https://doi.org/10.1145/800248.807361"""
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
    """Return views with normal noise of standard deviation 0.01."""
    return views + 0.01 * normal_like(views)


def letter_boxed(image: Tensor) -> Tensor:
    """Return the image with black bars, in Disco's way: one pixel short of a square where the
    difference of the sides is odd."""
    height, width = image.shape[2:]
    short = min(height, width)
    across, down = (height - short) // 2, (width - short) // 2
    return F.pad(image, (across, across, down, down))
