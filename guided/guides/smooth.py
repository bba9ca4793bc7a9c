"""Total variation: neighbouring pixels should be alike. Smooths noise and fine texture away.

Rudin, Osher and Fatemi 1992; here the mean of squared differences, as Disco's tv_scale has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guided.interfaces import Guide, Scene
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Smooth:
    scale: Any = 0.0  # 0 is off; Disco users know 0 to 1000

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.loss import LossGuide

        return LossGuide(total_variation, self.scale)


def total_variation(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): squared difference to the right and lower neighbour, mean over all."""
    across = (image[..., :, 1:] - image[..., :, :-1]).square().sum((1, 2, 3))
    down = (image[..., 1:, :] - image[..., :-1, :]).square().sum((1, 2, 3))
    return (across + down) / image[0].numel()
