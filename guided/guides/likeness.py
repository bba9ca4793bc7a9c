"""Likeness: the image should stay similar to the picture that it started from, init=photo.jpg.

`lpips` compares features of a network trained on photos (guided.guides.lpips), as Disco Diffusion
does; `pixels` is the mean squared error, which needs no network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from guided.errors import BadInput, not_one_of
from guided.interfaces import Guide, GuideSettings, Scene
from guided.models.cards import VGG16, WeightsCard
from guided.schedule import schedule

if TYPE_CHECKING:
    from torch import Tensor

METRICS = ("pixels", "lpips")


@dataclass
class Likeness(GuideSettings):
    """Settings of the likeness guide."""

    scale: Any = 1000  # 0: off; usual values in Disco Diffusion are 10 to 20000
    # pixels, mean squared error; lpips, perceptual similarity: needs pip install lpips, and VGG16
    # (553 MB)
    metric: str = "pixels"

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)
        if self.metric not in METRICS:
            raise ValueError(not_one_of("metric", self.metric, METRICS))

    def check(self, has_init: bool) -> None:
        """Raise BadInput if there is no picture to compare with, or the package is missing."""
        if not has_init:
            raise BadInput("guide=likeness needs a picture to start from: init=photo.jpg")
        if self.metric == "lpips" and find_spec("lpips") is None:
            raise BadInput(
                "guide.likeness.metric=lpips needs the package lpips: pip install lpips; "
                "metric=pixels does without"
            )

    def networks(self) -> list[WeightsCard]:
        """Return the cards of the networks that the guide loads."""
        return [VGG16] if self.metric == "lpips" else []

    def prepare(self, scene: Scene) -> Guide:
        """Return the guide for the scene's init picture, which `check` has ensured."""
        from guided.guides.base import LossGuide

        assert scene.init is not None
        init = scene.init.to(scene.device) * 2 - 1
        distance: Callable[[Tensor, Tensor], Tensor] = squared_error
        if self.metric == "lpips":
            from guided.guides.lpips import perceptual

            distance = perceptual(VGG16.path(), scene.device)
        return LossGuide(lambda image: distance(image, init), self.scale)


def squared_error(image: Tensor, init: Tensor) -> Tensor:
    """Return the mean squared difference: (B, 3, H, W), (1, 3, H, W) -> (B,)."""
    return (image - init).square().mean((1, 2, 3))
