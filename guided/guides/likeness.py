"""Likeness: the picture should stay like what it started from, init=photo.jpg, while it changes.

Knows nothing about diffusion. `lpips` compares as people do, by what a network trained on photos
makes of both (Zhang et al. 2018, https://arxiv.org/abs/1801.03924), as in Disco Diffusion;
`pixels` compares colours place by place, and needs no network.
"""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guided.errors import BadInput, not_one_of
from guided.schedule import schedule
from guided.types import Guide, Scene

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
METRICS = ("pixels", "lpips")
VGG = "vgg16-397923af.pth"  # torchvision's, where the package lpips looks for it


@dataclass
class Likeness:
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
        if self.metric == "lpips":
            check_lpips()

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.loss import LossGuide

        assert scene.init is not None  # checked
        init = scene.init.to(scene.device) * 2 - 1
        distance = pixels
        if self.metric == "lpips":
            from guided.guides.perceptual import perceptual

            distance = perceptual(scene.device)
        return LossGuide(lambda image: distance(image, init), self.scale)


def pixels(image: Tensor, init: Tensor) -> Tensor:
    """(B, 3, H, W), (1, 3, H, W) -> (B,): mean square of the difference."""
    return (image - init).square().mean((1, 2, 3))


def check_lpips() -> None:
    if find_spec("lpips") is None:
        raise BadInput(
            "guide.likeness.metric=lpips needs the package lpips: pip install 'guided[lpips]'; "
            "metric=pixels does without"
        )
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("TORCH_HOME") or Path(home) / "torch") / "hub" / "checkpoints"
    if not (folder / VGG).exists():
        from guided.models.download import refuse_offline

        refuse_offline()
        log.warning("guide.likeness.metric=lpips fetches %s, 528 MB, into %s", VGG, folder)
