"""CLIP guidance: cutouts of the image should lie near the prompts on CLIP's sphere.

Knows nothing about diffusion. The distance is the squared great-circle one that Katherine Crowson
introduced for CLIP-guided diffusion in 2021.
"""

from dataclasses import dataclass
from typing import Any

from guided.schedule import schedule
from guided.types import Guide, Scene


@dataclass
class ClipGuide:
    scale: Any = 5000.0  # the whole strength, shared by all CLIPs however many there are

    def __post_init__(self) -> None:
        self.scale = schedule("scale", self.scale, 0)

    def prepare(self, scene: Scene) -> Guide:
        from guided.guides.similarity import ClipSimilarity

        return ClipSimilarity.prepare(scene, self.scale)
