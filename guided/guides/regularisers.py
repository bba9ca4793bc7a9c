"""Regularisers of the image: total variation, range and saturation, with Disco Diffusion's scales.

Total variation: Rudin, Osher and Fatemi, "Nonlinear total variation based noise removal
algorithms", 1992, https://doi.org/10.1016/0167-2789(92)90242-F; here the mean of squared
differences, as in Disco Diffusion's `tv_scale`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guided.interfaces import Guide, GuideSettings, Scene
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor
if TYPE_CHECKING:
    from torch import Tensor
if TYPE_CHECKING:
    from torch import Tensor


@dataclass
class Smooth(GuideSettings):
    scale: Any = 0.0  # 0 is off; Disco users know 0 to 1000

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.base import LossGuide

        return LossGuide(total_variation, self.scale)


def total_variation(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): squared difference to the right and lower neighbour, mean over all."""
    across = (image[..., :, 1:] - image[..., :, :-1]).square().sum((1, 2, 3))
    down = (image[..., 1:, :] - image[..., :-1, :]).square().sum((1, 2, 3))
    return (across + down) / image[0].numel()


@dataclass
class Range(GuideSettings):
    scale: Any = 150.0  # 0 is off; Disco users know 0 to 1000

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.base import LossGuide

        return LossGuide(outside, self.scale)


def outside(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): mean square of what lies outside [-1, 1]."""
    return (image - image.clamp(-1, 1)).square().mean((1, 2, 3))


@dataclass
class Saturation(GuideSettings):
    scale: Any = 0.0  # 0 is off; Disco users know 0 to 20000

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.base import LossGuide

        return LossGuide(excess, self.scale)


def excess(image: Tensor) -> Tensor:
    """(B, 3, H, W) -> (B,): mean distance by which values leave [-1, 1]."""
    return (image - image.clamp(-1, 1)).abs().mean((1, 2, 3))
