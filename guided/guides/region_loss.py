"""CLIP guidance of pictures with regions: each region has cutouts and prompts of its own.

The loss is the weighted sum of that of the whole picture and of each region, cropped and masked:

    scale * (W loss(picture) + sum of w area / mean area * loss(region)) / (W + mean w)

where W and w are the sizes of the weights of the picture's and the regions' prompts. So a region
of mean area is guided like a picture of its own, and all regions by the same amount per pixel.

Guiding parts of a canvas by prompts of their own: Bar-Tal, Yariv, Lipman and Dekel 2023,
"MultiDiffusion", https://arxiv.org/abs/2302.08113; by CLIP within a mask: Avrahami, Lischinski and
Fried 2022, "Blended Diffusion", https://arxiv.org/abs/2111.14818
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from statistics import mean

import torch
from torch import Tensor

from guided.cutouts.region_views import RegionView
from guided.cutouts.settings import Cutouts
from guided.guides.clip_loss import ClipLossSettings, ClipSimilarity
from guided.interfaces import Guide, GuideGradient, Scene
from guided.prompts.prompt import Prompt, by_region
from guided.prompts.regions import Region, Size
from guided.rng import RandomStreams


@dataclass
class Part:
    """The prompts of a region, or of the whole picture, and the guide that follows them."""

    region: Region | None  # None: the whole picture
    prompts: list[Prompt]
    guide: Guide
    views: dict[Size, RegionView] = field(default_factory=dict)  # by the size of the picture

    @classmethod
    def prepare(
        cls,
        scene: Scene,
        settings: ClipLossSettings,
        region: Region | None,
        prompts: list[Prompt],
    ) -> Part:
        """Return the part of a scene that is a region, with its prompts."""
        cutouts = scene.cutouts
        if region is None and isinstance(cutouts, Cutouts):
            cutouts = replace(cutouts, area="whole")  # the middle is no more than one of regions
        own = replace(scene, prompts=prompts, cutouts=cutouts)
        if region is not None:  # its cutouts are its own, and its edges do not meet
            own = replace(own, mask=None, rings=(False, False))
        return cls(region, prompts, ClipSimilarity.prepare(own, settings))

    def view(self, image: Tensor) -> RegionView:
        """Return where the part is in images (B, 3, H, W)."""
        size = (image.shape[3], image.shape[2])
        if size not in self.views:
            self.views[size] = RegionView.of(self.region or Region(), size)
        return self.views[size]

    def weight(self, progress: float) -> float:
        """Return the size of the prompts' weights at `progress`."""
        return sum(abs(prompt.at(progress)) for prompt in self.prompts)


@dataclass
class RegionSimilarity:
    """The CLIP guide of pictures with regions."""

    parts: list[Part]

    @classmethod
    def prepare(cls, scene: Scene, settings: ClipLossSettings) -> RegionSimilarity:
        """Return the guide of a scene, its prompts encoded."""
        regions = by_region(scene.prompts).items()
        return cls([Part.prepare(scene, settings, region, own) for region, own in regions])

    def is_active(self, progress: float) -> bool:
        """Return whether any part has a prompt with a weight at `progress`."""
        return any(part.guide.is_active(progress) for part in self.parts)

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """Return loss, gradient and weighted cosine of images (B, 3, H, W) in [0, 1]."""
        nothing = image.new_zeros(len(image))
        loss, cosine, grad = nothing, nothing, torch.zeros_like(image)
        views = [part.view(image) for part in self.parts]
        strengths = self.strengths(views, progress)
        together = sum(strengths) or 1.0
        for part, view, strength in zip(self.parts, views, strengths, strict=True):
            # Inactive parts too: the random numbers must not depend on when a part counts.
            pull = part.guide(view(image), progress, rng)
            view.add(grad, strength * pull.grad)
            loss = loss + strength * pull.loss
            if pull.similarity is not None:
                cosine = cosine + strength / together * pull.similarity
        return GuideGradient(loss, grad, cosine)

    def strengths(self, views: Sequence[RegionView], progress: float) -> list[float]:
        """Return the factor of each part's loss at `progress`."""
        weights = [part.weight(progress) for part in self.parts]
        sizes = [
            view.pixels if part.region else 0.0
            for part, view in zip(self.parts, views, strict=True)
        ]
        usual = mean(size for size in sizes if size)
        whole = sum(weight for weight, size in zip(weights, sizes, strict=True) if not size)
        active = [weight for weight, size in zip(weights, sizes, strict=True) if size and weight]
        total = (whole + sum(active) / max(len(active), 1)) or 1.0
        return [
            weight / total * (size / usual if size else 1.0)
            for weight, size in zip(weights, sizes, strict=True)
        ]
