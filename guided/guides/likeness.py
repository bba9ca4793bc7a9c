"""Likeness: the picture should stay like what it started from, init=photo.jpg, while it changes.

Knows nothing about diffusion. `lpips` compares as people do, by what a network trained on photos
makes of both (Zhang et al. 2018, https://arxiv.org/abs/1801.03924), as in Disco Diffusion;
`pixels` compares colours place by place, and needs no network.
"""

from __future__ import annotations

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
    scale: Any = 1000.0  # 0 is off; Disco users know 10 to 20000
    metric: str = "pixels"

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)
        if self.metric not in METRICS:
            raise ValueError(not_one_of("metric", self.metric, METRICS))

    def check(self, has_init: bool) -> None:
        """BadInput when there is nothing to be like, or no package to say how like it is."""
        if not has_init:
            raise BadInput("guide=likeness needs a picture to start from: init=photo.jpg")
        if self.metric == "lpips" and find_spec("lpips") is None:
            raise BadInput(
                "guide.likeness.metric=lpips needs the package lpips: pip install lpips; "
                "metric=pixels does without"
            )

    def networks(self) -> list[WeightsCard]:
        return [VGG16] if self.metric == "lpips" else []

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.base import LossGuide

        assert scene.init is not None  # checked
        init = scene.init.to(scene.device) * 2 - 1
        distance = pixels
        if self.metric == "lpips":
            from guided.guides.lpips import perceptual

            distance = perceptual(VGG16.path(), scene.device)
        return LossGuide(lambda image: distance(image, init), self.scale)


def pixels(image: Tensor, init: Tensor) -> Tensor:
    """(B, 3, H, W), (1, 3, H, W) -> (B,): mean square of the difference."""
    return (image - init).square().mean((1, 2, 3))
