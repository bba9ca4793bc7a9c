"""Saturation: like range, but by distance instead of its square, so slight excess counts too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guided.interfaces import Guide, Scene
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Saturation:
    scale: Any = 0.0  # 0 is off; Disco users know 0 to 20000

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.loss import LossGuide

        return LossGuide(excess, self.scale)


def excess(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): mean distance by which values leave [-1, 1]."""
    return (image - image.clamp(-1, 1)).abs().mean((1, 2, 3))
