"""The work of the CLIP guide: distance of views to prompts, and its gradient, in bounded memory.

Knows nothing about diffusion; see guides/clip.py for its settings.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from guided.clip import Clip
from guided.diffusion.noise import Dice
from guided.guides.sigmoid import mismatch
from guided.prompt import normalised
from guided.schedule import Schedule
from guided.types import Pull, Scene, Views


@dataclass
class Target:
    """What one CLIP should see: unit vectors (P, D) and weights (P,) whose sizes sum to 1."""

    clip: Clip
    points: Tensor
    weights: Tensor

    def distance(self, seen: Tensor) -> Tensor:
        """(N, D) unit vectors -> (N,): weighted distance from the prompts, as this CLIP learned
        to tell it."""
        if self.clip.kind == "sigmoid":
            cosines = seen @ self.points.T
            return mismatch(cosines, self.weights, self.clip.logit_scale, self.clip.logit_bias)
        return spherical(seen, self.points) @ self.weights


@dataclass
class ClipSimilarity:
    targets: list[Target]
    views: Views
    scale: Schedule
    micro_batch: int | None

    @classmethod
    def prepare(cls, scene: Scene, scale: Schedule) -> "ClipSimilarity":
        prompts = normalised(scene.prompts)
        weights = torch.tensor([prompt.weight for prompt in prompts], device=scene.device)
        texts = [prompt.text for prompt in prompts]
        targets = [Target(c, c.encode_text(texts), weights) for c in scene.clips.values()]
        return cls(targets, scene.cutouts.prepare(), scale, scene.cutouts.micro_batch)

    def __call__(self, image: Tensor, progress: float, dice: Dice) -> Pull:
        scale = self.scale(progress) / len(self.targets)
        grad = torch.zeros_like(image)
        loss = image.new_zeros(len(image))
        cosine = image.new_zeros(len(image))
        seeds = dice.seeds()
        for k, target in enumerate(self.targets):
            with torch.enable_grad():
                leaf = image.detach().requires_grad_()
                views = torch.cat(
                    [
                        self.views(leaf[b : b + 1], target.clip.size, progress, seed + k)
                        for b, seed in enumerate(seeds)
                    ]
                )
            distances, cosines, pull = self._score(views.detach(), target, len(image))
            grad += scale * torch.autograd.grad(views, leaf, pull)[0]
            loss += scale * distances
            cosine += cosines / len(self.targets)
        return Pull(loss, grad, cosine)

    def _score(self, views: Tensor, target: Target, images: int) -> tuple[Tensor, Tensor, Tensor]:
        """Per image: weighted mean distance and cosine; per view: the gradient of the former.
        CLIP's activations are kept for one micro-batch at a time."""
        pulls, distances, cosines = [], [], []
        per_image = len(views) // images
        for part in views.split(self.micro_batch or len(views)):
            with torch.enable_grad():
                part = part.requires_grad_()
                seen = target.clip.encode_image(part)
                distance = target.distance(seen)
                # Half precision would lose a gradient this small; scaled up here and down after.
                (pull,) = torch.autograd.grad(distance.sum() * 1024, part)
            pulls.append(pull / (1024 * per_image))
            distances.append(distance.detach())
            cosines.append((seen.detach() @ target.points.T) @ target.weights)
        mean = [torch.cat(x).view(images, per_image).mean(1) for x in (distances, cosines)]
        return mean[0], mean[1], torch.cat(pulls)


def spherical(x: Tensor, y: Tensor) -> Tensor:
    """Squared great-circle distance, halved: unit vectors (N, D), (P, D) -> (N, P)."""
    half_chord = (x[:, None] - y[None]).norm(dim=-1) / 2
    # At exactly opposite points rounding may exceed 1, where arcsin is not defined.
    return half_chord.clamp(max=1 - 1e-6).arcsin().square() * 2
