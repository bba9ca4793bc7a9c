"""Palette: every pixel should have one of the given colours, or lie between two of them.

Without any they are those from dark over the colour that a prompt names for its thing to white,
where small CLIPs guide: these know things better than colours, and a blue cat of theirs is as
yellow as others.

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

from guided.errors import check_number
from guided.interfaces import Guide, GuideSettings, Scene
from guided.prompts.prompt import is_wanted, meant_for
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor

# Of colours by the names in lexicons: a dark one and a full one.
NAMED = {
    "red": ("#301018", "#dc2828"),
    "orange": ("#382010", "#f89426"),
    "yellow": ("#383010", "#ffd440"),
    "green": ("#102818", "#38a840"),
    "light blue": ("#183038", "#80c8f0"),
    "blue": ("#101830", "#2868d8"),
    "purple": ("#201030", "#8040b4"),
    "pink": ("#381828", "#f88cb4"),
    "brown": ("#281810", "#8a5a38"),
    "white": ("#606060", "#f4f4f4"),
    "grey": ("#202020", "#94989c"),
    "black": ("#000000", "#303030"),
}
WHITE = "#ffffff"


@dataclass
class Palette(GuideSettings):
    """Settings of the palette guide."""

    # empty: those of the colour that the prompt names for its one thing, where all CLIPs have a
    # lexicon, and there is neither an init picture nor a region
    colours: list[str] = field(default_factory=list)
    # allow mixtures of neighbouring colours of the list, as in ink on paper; false: those colours
    # only, as in a linocut
    between: bool = True
    scale: Any = 300  # 0: off
    named: float = 0.6  # share of the scale where a prompt names the colour; 0: not then

    def __post_init__(self) -> None:
        for colour in self.colours:
            if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
                raise ValueError(f"colours={colour} must be #rrggbb, as in '#c8102e'")
        self.scale = schedule("scale", self.scale, 0)
        check_number("named", self.named, 0, 10)

    def prepare(self, scene: Scene) -> Guide | None:
        """Return the guide, its colours on the scene's device; None if there are none."""
        import torch

        from guided.guides.base import LossGuide

        share = 1.0 if self.colours else self.named
        colours = self.colours or (named(scene) if share else [])
        if not colours:
            return None
        values = [[int(c[k : k + 2], 16) / 127.5 - 1 for k in (1, 3, 5)] for c in colours]
        between = self.between or not self.colours
        loss = distance(torch.tensor(values, device=scene.device), between)
        return LossGuide(lambda image: share * loss(image), self.scale)


def named(scene: Scene) -> list[str]:
    """Return the colours from dark to white of the colour that the prompts name for their thing;
    none if they name no thing, several things or several colours, or a CLIP has no lexicon."""
    wanted = [asked for asked in scene.prompts if is_wanted(asked)]
    if scene.init is not None or any(asked.image or asked.region for asked in wanted):
        return []
    each = []
    for name, clip in scene.clips.items():
        read = [clip.colours(asked.text) for asked in meant_for(wanted, name)]
        each.append([colours for colours in read if colours is not None])
    if not each or len(each[0]) != 1 or any(own != each[0] for own in each):
        return []
    (colours,) = each[0]
    return [*NAMED[colours[0]], WHITE] if len(colours) == 1 and colours[0] in NAMED else []


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
