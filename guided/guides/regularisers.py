"""Regularisers of the image: total variation, range and saturation, with Disco Diffusion's scales.

Total variation: Rudin, Osher and Fatemi, "Nonlinear total variation based noise removal
algorithms", 1992, https://doi.org/10.1016/0167-2789(92)90242-F. As in Disco Diffusion's `tv_scale`
it is the mean of squared differences of neighbours, which is the Dirichlet energy: with p = 2 in
place of the paper's p = 1 edges are smoothed too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guided.interfaces import Guide, GuideSettings, Scene
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor


def total_variation(image: Tensor) -> Tensor:
    """Return the mean of the squared differences to the right and lower neighbours:
    (B, 3, H, W) -> (B,)."""
    across = (image[..., :, 1:] - image[..., :, :-1]).square().sum((1, 2, 3))
    down = (image[..., 1:, :] - image[..., :-1, :]).square().sum((1, 2, 3))
    return (across + down) / image[0].numel()


def squared_excess(image: Tensor) -> Tensor:
    """Return the mean squared distance of values from [-1, 1]: (B, 3, H, W) -> (B,)."""
    return (image - image.clamp(-1, 1)).square().mean((1, 2, 3))


def excess(image: Tensor) -> Tensor:
    """Return the mean distance of values from [-1, 1]: (B, 3, H, W) -> (B,)."""
    return (image - image.clamp(-1, 1)).abs().mean((1, 2, 3))


@dataclass
class Regulariser(GuideSettings):
    """Settings of a guide whose loss depends on the image alone."""

    scale: Any

    loss: ClassVar[Any]  # of images (B, 3, H, W) in [-1, 1]: (B,)

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        """Return the guide."""
        from guided.guides.base import LossGuide

        return LossGuide(type(self).loss, self.scale)


@dataclass
class Smooth(Regulariser):
    """Settings of the guide that reduces total variation."""

    scale: Any = 0  # 0: off; usual values in Disco Diffusion are 0 to 1000
    loss = staticmethod(total_variation)


@dataclass
class Range(Regulariser):
    """Settings of the guide that brings values back into [0, 1], strongly where they are far."""

    scale: Any = 150  # 0: off; usual values in Disco Diffusion are 0 to 1000
    loss = staticmethod(squared_excess)


@dataclass
class Saturation(Regulariser):
    """Settings of the guide that brings values back into [0, 1], equally at any distance."""

    scale: Any = 0  # 0: off; usual values in Disco Diffusion are 0 to 20000
    loss = staticmethod(excess)
