"""CLIP guidance: cutouts of the image should lie near the prompts on CLIP's sphere.

Knows nothing about diffusion. The distance is the squared great-circle one that Katherine Crowson
introduced for CLIP-guided diffusion in 2021.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from guided.errors import not_one_of
from guided.interfaces import Guide, GuideSettings, Scene
from guided.prompts.prompt import RULES
from guided.schedule import AUTO, automatic, schedule

COMBINATIONS = ("mean", "sum")
LONG = ("cut", "split")


@dataclass
class ClipGuide(GuideSettings):
    scale: Any = 5000.0  # the whole strength; auto: by the number of pixels
    combine: str = "mean"  # mean: CLIPs share the strength; sum: each has all of it, as in Disco
    weights: str = "sizes"  # how the prompts' weights are normalised: guided.prompts.prompt.RULES
    long: str = "cut"  # a prompt longer than a CLIP reads: cut its end off, or split it in parts

    def __post_init__(self) -> None:
        self.scale = automatic("scale", self.scale, 0)
        for name, known in (("combine", COMBINATIONS), ("weights", RULES), ("long", LONG)):
            if getattr(self, name) not in known:
                raise ValueError(not_one_of(name, getattr(self, name), known))

    @property
    def divides_by_weights(self) -> bool:
        """Whether the sum of the prompts' weights must not be 0."""
        return self.weights == "sum"

    def resolve_auto(self, size: tuple[int, int], steps: int) -> ClipGuide:
        """Return the settings with `scale=auto` as 2,500 for up to 250,000 pixels, growing with
        them to 50,000 for 2,000,000, as Disco's users came to do."""
        if self.scale != AUTO:
            return self
        share = (size[0] * size[1] - 250_000) / 1_750_000
        scale = 2500 + 47_500 * min(max(share, 0.0), 1.0)
        return replace(self, scale=schedule("scale", scale, 0))

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.clip_loss import ClipSimilarity

        return ClipSimilarity.prepare(scene, self)
