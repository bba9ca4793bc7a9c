"""Opposite edges that meet, for networks that expect the edges of a picture at those of its
canvas: their predictions are changed near the edges, so that these are equal.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from guided.interfaces import Denoiser, Prediction
from guided.timeline import Timeline

REACH = 1 / 4  # of the side, over which the change fades out


@dataclass
class ClosedEdges:
    """A denoiser whose predicted images have equal opposite edges along the axes in `rings`
    (across, down)."""

    denoiser: Denoiser
    rings: tuple[bool, bool]

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction for x (B, 3, H, W) at position i."""
        prediction = self.denoiser(x, i)
        image = prediction.guided
        for dim, ring in zip((3, 2), self.rings, strict=True):
            image = closed(image, dim) if ring else image
        return replace(prediction, guided=image, unguided=image)


def closed(image: Tensor, dim: int) -> Tensor:
    """Return the image with the first and the last line along `dim` moved to their mean; the
    change of the lines beside them fades out linearly."""
    length = image.shape[dim]
    place = torch.arange(length, device=image.device, dtype=image.dtype)
    fade = (1 - place / (length * REACH)).clamp(min=0)
    shape = [length if axis == dim else 1 for axis in range(image.ndim)]
    half = (image.narrow(dim, length - 1, 1) - image.narrow(dim, 0, 1)) / 2
    return image + half * (fade - fade.flip(0)).view(shape)
