"""Palette: every pixel should have one of some colours, or one on the way between them.

Pulls each pixel towards the nearest of them in RGB; what is drawn with them is left to the others.
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
    colours: list[str] = field(default_factory=lambda: ["#000000", "#ffffff"])  # #rrggbb
    between: bool = True  # mixtures of each and the next count too: ink on paper, not a poster
    scale: Any = 300.0  # 0 is off

    def __post_init__(self) -> None:
        for colour in self.colours:
            if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
                raise ValueError(f"colours={colour} must be #rrggbb, as in '#c8102e'")
        if not self.colours:
            raise ValueError("colours=[] must be one colour or several, as in ['#c8102e']")
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        import torch

        from guided.guides.base import LossGuide

        values = [[int(c[k : k + 2], 16) / 127.5 - 1 for k in (1, 3, 5)] for c in self.colours]
        return LossGuide(
            distance(torch.tensor(values, device=scene.device), self.between), self.scale
        )


def distance(colours: Tensor, between: bool) -> Callable[[Tensor], Tensor]:
    """colours (K, 3) in [-1, 1] -> a loss (B, 3, H, W) -> (B,): mean square of the distance to
    the nearest of them, or to the nearest point of the line from each to the next."""
    return partial(off_line if between and len(colours) > 1 else off_points, colours)


def off_points(colours: Tensor, image: Tensor) -> Tensor:
    gaps = image[:, None] - colours.to(image)[None, :, :, None, None]  # (B, K, 3, H, W)
    return gaps.square().sum(2).amin(1).mean((1, 2)) / 3


def off_line(colours: Tensor, image: Tensor) -> Tensor:
    start = colours.to(image)[None, :-1, :, None, None]
    way = colours.to(image)[None, 1:, :, None, None] - start
    out = image[:, None] - start
    length = way.square().sum(2, keepdim=True).clamp(min=1e-12)
    share = ((out * way).sum(2, keepdim=True) / length).clamp(0, 1)
    return (out - share * way).square().sum(2).amin(1).mean((1, 2)) / 3
