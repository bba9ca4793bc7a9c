"""Palette: every pixel should have one of the given colours, or lie between two of them.

The loss is the mean over pixels of the squared distance in RGB to the nearest colour, or to the
nearest point of the polyline through the colours. It is the distortion that colour quantisation
minimises (Heckbert, "Color Image Quantization for Frame Buffer Display", 1982,
https://doi.org/10.1145/800064.801294), with the image as the variable instead of the palette.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from guided.interfaces import Guide, GuideSettings, Scene
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Palette(GuideSettings):
    """Settings of the palette guide."""

    colours: list[str] = field(default_factory=lambda: ["#000000", "#ffffff"])  # at least one
    # allow mixtures of neighbouring colours of the list, as in ink on paper; false: those colours
    # only, as in a linocut
    between: bool = True
    scale: Any = 300  # 0: off

    def __post_init__(self) -> None:
        for colour in self.colours:
            if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
                raise ValueError(f"colours={colour} must be #rrggbb, as in '#c8102e'")
        if not self.colours:
            raise ValueError("colours=[] must be one colour or several, as in ['#c8102e']")
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        """Return the guide, its colours on the scene's device."""
        import torch

        from guided.guides.base import LossGuide

        values = [[int(c[k : k + 2], 16) / 127.5 - 1 for k in (1, 3, 5)] for c in self.colours]
        return LossGuide(
            distance(torch.tensor(values, device=scene.device), self.between), self.scale
        )


def distance(colours: Tensor, between: bool) -> Callable[[Tensor], Tensor]:
    """Return the loss (B, 3, H, W) -> (B,) for colours (K, 3) in [-1, 1]: to the nearest colour,
    or with `between` to the polyline through them."""
    return partial(to_polyline if between and len(colours) > 1 else to_colours, colours)


def to_colours(colours: Tensor, image: Tensor) -> Tensor:
    """Return the mean squared distance (B,) of pixels (B, 3, H, W) to the nearest colour."""
    gaps = image[:, None] - colours.to(image)[None, :, :, None, None]  # (B, K, 3, H, W)
    return gaps.square().sum(2).amin(1).mean((1, 2)) / 3


def to_polyline(colours: Tensor, image: Tensor) -> Tensor:
    """Return the mean squared distance (B,) of pixels (B, 3, H, W) to the nearest point of the
    segments from each colour to the next."""
    start = colours.to(image)[None, :-1, :, None, None]
    segment = colours.to(image)[None, 1:, :, None, None] - start
    offset = image[:, None] - start
    length = segment.square().sum(2, keepdim=True).clamp(min=1e-12)
    share = ((offset * segment).sum(2, keepdim=True) / length).clamp(0, 1)
    return (offset - share * segment).square().sum(2).amin(1).mean((1, 2)) / 3
