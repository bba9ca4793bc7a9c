"""A denoiser for a model of single objects: a window for each region, on a ground they share.

A model that knows one object in the middle of its picture draws no scene on a larger canvas. Here
it predicts the window of each region alone. Where windows overlap, their predictions are averaged
with weights that fall towards the edges, before the one step of the sampler: Jimenez 2023,
"Mixture of Diffusers", https://arxiv.org/abs/2302.02412

The ground is one colour, the mean of the windows' own grounds, which are the medians of their
edges. It fills the area that no window covers, and replaces each window's own ground, so that in
the next step all windows see the same one. An init picture is the ground itself, and windows keep
theirs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.diffusion.denoiser import ModelDenoiser
from guided.interfaces import Prediction
from guided.timeline import Timeline

GROUND = 0.05  # weight of the ground behind windows; theirs is 1 in the middle
STEEP = 12  # exponent of the fall of a window's weight towards its edge
WIDE = 0.93  # distance from the middle where the weight is 1 / e; 1 is the edge
ALIKE = 0.3  # distance of colours in [-1, 1] from its ground at which a pixel is hardly ground
PixelBox = tuple[int, int, int, int]  # left, top, right, bottom


@dataclass
class RegionWindows:
    """A denoiser of images (B, 3, H, W) in windows of one size (width, height), whose corners
    (left, top) are given for each image."""

    denoiser: ModelDenoiser
    size: tuple[int, int]
    corners: Sequence[Sequence[tuple[int, int]]]
    init: Tensor | None = None  # (1 or B, 3, H, W) in [-1, 1]

    @classmethod
    def of(
        cls,
        denoiser: ModelDenoiser,
        own: tuple[int, int],
        canvas: tuple[int, int],
        regions: Sequence[Sequence[PixelBox]],
        init: Tensor | None = None,
    ) -> RegionWindows:
        """Return the denoiser of a canvas, perhaps of an init picture, with a window of the
        model's `own` size around the middle of each of the regions of each image."""
        width, height = (min(side, most) for side, most in zip(own, canvas, strict=True))
        corners = [
            [
                (
                    inside((left + right - width) // 2, canvas[0] - width),
                    inside((top + bottom - height) // 2, canvas[1] - height),
                )
                for left, top, right, bottom in boxes
            ]
            for boxes in regions
        ]
        return cls(denoiser, (width, height), corners, init)

    @property
    def boxes(self) -> list[list[PixelBox]]:
        """Return the windows of each image."""
        width, height = self.size
        return [
            [(left, top, left + width, top + height) for left, top in corners]
            for corners in self.corners
        ]

    @property
    def timeline(self) -> Timeline:
        """Return the noise levels of the run."""
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x (B, 3, H, W) at position i."""
        count = len(self.corners[0])
        predicted = self.denoiser(torch.cat([self.cut(x, k) for k in range(count)]), i)
        images, variance = predicted.guided.split(len(x)), predicted.variance
        if variance is not None:
            variance = self.joined(variance.split(len(x)), x, 0.0)
        image = (
            self.grounded(images, x)
            if self.init is None
            else self.joined(images, x, self.init.to(x))
        )
        return Prediction(image, image, variance)

    def grounded(self, images: Sequence[Tensor], x: Tensor) -> Tensor:
        """Return the windows' images (B, 3, h, w) joined on the ground that they share."""
        grounds = [edge(image.detach()) for image in images]
        ground = torch.stack(grounds).mean(0)
        shared = [
            image + likeness(image.detach(), own) * (ground - own)
            for image, own in zip(images, grounds, strict=True)
        ]
        return self.joined(shared, x, ground)

    def cut(self, x: Tensor, k: int) -> Tensor:
        """Return window k of each image (B, 3, h, w)."""
        width, height = self.size
        places = [corners[k] for corners in self.corners]
        return torch.cat(
            [
                x[b : b + 1, :, top : top + height, left : left + width]
                for b, (left, top) in enumerate(places)
            ]
        )

    def joined(self, windows: Sequence[Tensor], x: Tensor, ground: Tensor | float) -> Tensor:
        """Return images of the shape of x: the mean of windows (B, 3, h, w) and the ground, by
        their weights."""
        weight = self.weight().to(x)
        total, weights = torch.zeros_like(x), torch.zeros_like(x[:, :1])
        for k, window in enumerate(windows):
            total = total + self.placed(window * weight, x, k)
            weights = weights + self.placed(weight.expand(len(x), 1, -1, -1), x, k)
        return (total + GROUND * ground) / (weights + GROUND)

    def placed(self, window: Tensor, x: Tensor, k: int) -> Tensor:
        """Return window k (B, C, h, w) of each image on a canvas of the size of x, 0 around it."""
        (width, height), (rows, columns) = self.size, x.shape[2:]
        padded = [
            F.pad(window[b : b + 1], (left, columns - left - width, top, rows - top - height))
            for b, (left, top) in enumerate(corners[k] for corners in self.corners)
        ]
        return torch.cat(padded)

    def weight(self) -> Tensor:
        """Return the weight (1, 1, h, w) of a window's pixels: 1, falling off at the edges."""
        across, down = (
            torch.exp(-((((torch.arange(side) + 0.5) / side * 2 - 1).abs() / WIDE) ** STEEP))
            for side in self.size
        )
        return (down[:, None] * across)[None, None]


def inside(place: int, most: int) -> int:
    """Return the place moved into 0 to `most`."""
    return min(max(place, 0), most)


def edge(window: Tensor) -> Tensor:
    """Return the median colour (B, C, 1, 1) of the outermost pixels of a window (B, C, h, w)."""
    rows = torch.cat([window[:, :, 0], window[:, :, -1]], 2)
    columns = torch.cat([window[:, :, 1:-1, 0], window[:, :, 1:-1, -1]], 2)
    return torch.cat([rows, columns], 2).median(2).values[:, :, None, None]


def likeness(image: Tensor, colour: Tensor) -> Tensor:
    """Return how near the pixels of images (B, 3, H, W) are to a colour (B, 3, 1, 1), as
    (B, 1, H, W): 1 for the same."""
    return torch.exp(-(image - colour).square().mean(1, keepdim=True) / ALIKE**2)
