"""Settings of CLIP guidance: the image's cutouts should be near the prompts in CLIP's embedding.

The method, CLIP's gradient through augmented cutouts of the image: Crowson et al., "VQGAN-CLIP:
Open Domain Image Generation and Editing with Natural Language Guidance", 2022,
https://arxiv.org/abs/2204.08583. The loss: guided.guides.clip_loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from guided.errors import not_one_of
from guided.interfaces import Guide, GuideSettings, Scene
from guided.prompts.prompt import RULES
from guided.schedule import AUTO, always_zero, automatic, schedule

COMBINATIONS = ("mean", "sum")
LONG = ("cut", "split")
WEAK = 50  # scale up to which nothing is guided


@dataclass
class ClipGuide(GuideSettings):
    """Settings of the CLIP guide: its strength and how CLIPs and prompts are weighted."""

    scale: Any = 5000.0  # strength of all CLIPs together; auto: by the number of pixels
    # share of the loss, 0..1, a number or a schedule, that tells the prompt from whatever else a
    # CLIP with a lexicon knows; the rest is the distance from the prompt
    contrast: Any = 0.0
    # losses of several CLIPs: mean, they share the scale; sum, each has all of it
    combine: str = "mean"
    # prompts' weights are divided by: sizes, the sum of their absolute values; sum, the absolute
    # value of their sum; l2, their Euclidean norm
    weights: str = "sizes"
    # prompts with more tokens than a CLIP reads: cut, the end is dropped; split, parts are encoded
    # and averaged
    long: str = "cut"

    def __post_init__(self) -> None:
        self.scale = automatic("scale", self.scale, 0)
        self.contrast = schedule("contrast", self.contrast, 0, 1)
        for name, allowed in (("combine", COMBINATIONS), ("weights", RULES), ("long", LONG)):
            if getattr(self, name) not in allowed:
                raise ValueError(not_one_of(name, getattr(self, name), allowed))

    @property
    def divides_by_weights(self) -> bool:
        """Whether the sum of the prompts' weights must not be 0."""
        return self.weights == "sum"

    @property
    def zero(self) -> str:
        """`scale` if it is 0 all along the run."""
        return "scale" if always_zero(self.scale) else ""

    @property
    def weak(self) -> str:
        """`scale=7` if it is so small all along the run that nothing is guided."""
        if isinstance(self.scale, str) or not 0 < max(self.scale.values) < WEAK:
            return ""
        return f"scale={max(self.scale.values):g}"

    @property
    def contrasts(self) -> bool:
        """Whether `contrast` is above 0 at any time of the run."""
        return not always_zero(self.contrast)

    def resolve_auto(self, size: tuple[int, int], steps: int) -> ClipGuide:
        """Return the settings with a scale of `auto` set for an image of (width, height).

        It is 2,500 up to 250,000 pixels and grows linearly to 50,000 at 2,000,000, which are the
        values that users of Disco Diffusion settled on."""
        if self.scale != AUTO:
            return self
        share = (size[0] * size[1] - 250_000) / 1_750_000
        scale = 2500 + 47_500 * min(max(share, 0.0), 1.0)
        return replace(self, scale=schedule("scale", scale, 0))

    def prepare(self, scene: Scene) -> Guide:
        """Return the guide, with the scene's prompts encoded by each of its CLIPs."""
        from guided.guides.clip_loss import ClipSimilarity
        from guided.guides.region_loss import RegionSimilarity

        if any(prompt.region for prompt in scene.prompts):
            return RegionSimilarity.prepare(scene, self)
        return ClipSimilarity.prepare(scene, self)
