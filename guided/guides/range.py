"""Range: colours should stay within what a picture can hold. Counters blown-out, garish areas."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guided.interfaces import Guide, Scene
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Range:
    scale: Any = 150.0  # 0 is off; Disco users know 0 to 1000

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.loss import LossGuide

        return LossGuide(outside, self.scale)


def outside(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): mean square of what lies outside [-1, 1]."""
    return (image - image.clamp(-1, 1)).square().mean((1, 2, 3))
