"""The loss of CLIP guidance and its gradient with respect to the image, in bounded memory.

For unit vectors v of a cutout and p of a prompt, a contrastively trained CLIP has the squared
great-circle distance 2 arcsin(|v - p| / 2)^2 = angle(v, p)^2 / 2. Its gradient along the sphere is
the angle: it does not vanish far from the prompt, as that of the cosine does (sin of the angle).
Introduced by Katherine Crowson's CLIP-guided diffusion, 2021.

A CLIP trained with the sigmoid loss has that loss, -log sigmoid(z (s v.p + b)) with z = 1 for a
match and -1 for none: Zhai, Mustafa, Kolesnikov and Beyer, "Sigmoid Loss for Language Image
Pre-Training" (SigLIP), 2023, https://arxiv.org/abs/2303.15343

Settings: guided.guides.clip.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, partial
from threading import Barrier
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.cutouts.resize import resize
from guided.devices import sent
from guided.diffusion.circular import random_offset, rolled
from guided.diffusion.gradients import pulled_back
from guided.images import read_picture, square
from guided.interfaces import ClipModel, CutoutSampler, GuideGradient, Scene
from guided.oom import MemoryPolicy, until_it_fits
from guided.prompts.prompt import Prompt, meant_for, shares
from guided.rng import RandomStreams
from guided.schedule import Schedule, always_zero, schedule

SMALL = 64 * 64  # pixels of a view up to which a tower gains nothing from a second core
Score = tuple[Tensor, Tensor, Tensor]  # distance (B,), cosine (B,), gradient per view (N, 3, h, w)


class ClipLossSettings(Protocol):
    """Values of the settings `guide.clip` (guided.guides.clip.ClipGuide)."""

    scale: Schedule
    contrast: Schedule
    combine: str
    weights: str
    long: str


@dataclass
class Target:
    """The prompts of one CLIP, encoded."""

    clip: ClipModel
    prompts: list[Prompt]
    points: Tensor  # (P, D), unit vectors
    weight: Schedule  # of this CLIP relative to the others
    others: list[Tensor] = field(default_factory=list)  # (K, D) of each prompt: what else there is

    def weights(self, progress: float, rule: str) -> Tensor:
        """Return the prompts' weights (P,) at `progress`, normalised by `rule`."""
        weights = shares([p.at(progress) for p in self.prompts], rule)
        return sent(torch.tensor(weights), self.points)

    def distance(self, views: Tensor, weights: Tensor, contrast: float = 0.0) -> Tensor:
        """Return the weighted distances (N,) of views (N, D), unit vectors, from the prompts, by
        the loss that this CLIP was trained with; the share `contrast` of it is contrastive_loss,
        for each prompt that has alternatives."""
        if not (contrast and self.others):
            return self._distance(views, weights)
        told_apart = contrastive_loss(views, self.points, self.others, self.clip.logit_scale)
        share = sent(torch.tensor([contrast * (len(own) > 0) for own in self.others]), weights)
        return told_apart @ (share * weights) + self._distance(views, (1 - share) * weights)

    def _distance(self, views: Tensor, weights: Tensor) -> Tensor:
        if self.clip.kind == "sigmoid":
            cosines = views @ self.points.T
            return sigmoid_loss(cosines, weights, self.clip.logit_scale, self.clip.logit_bias)
        return spherical(views, self.points) @ weights


@dataclass
class ViewBatch:
    """The views of all images for one CLIP at one step."""

    target: Target
    strength: float  # factor of the distance in the loss
    share: float  # of this CLIP among all, 0..1
    images: Tensor  # (B, 3, H, W), a leaf of autograd
    views: Tensor  # (N, 3, h, w), differentiable with respect to `images`
    counts: list[float]  # weight of each view: N of them
    weights: Tensor  # (P,), of the prompts
    contrast: float  # share of the loss


@dataclass
class ClipSimilarity:
    """The CLIP guide: cutouts of the image, encoded and compared with the encoded prompts."""

    targets: list[Target]
    views: CutoutSampler
    settings: ClipLossSettings
    memory_policy: MemoryPolicy
    rings: tuple[bool, bool] = (False, False)  # whether opposite edges meet (across, down)

    @classmethod
    def prepare(cls, scene: Scene, settings: ClipLossSettings) -> "ClipSimilarity":
        """Return the guide of a scene, its prompts encoded."""
        targets = [
            encoded(
                name, clip, scene, settings.long == "split", not always_zero(settings.contrast)
            )
            for name, clip in scene.clips.items()
        ]
        # Rolled, an object that has to stay in the middle, or in a mask, would be in pieces.
        stays = scene.cutouts.centred or scene.mask is not None
        rings = (False, False) if stays else scene.rings
        memory_policy = scene.memory_policy or MemoryPolicy(scene.cutouts.micro_batch)
        return cls(targets, scene.cutouts.prepare(scene.mask), settings, memory_policy, rings)

    def is_active(self, progress: float) -> bool:
        """Return whether any CLIP and prompt has a weight at `progress`."""
        return any(strength for _, strength, _ in self._strengths(progress))

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        """Return loss, gradient and weighted cosine of images (B, 3, H, W) in [0, 1]."""
        total = GuideGradient(image.new_zeros(len(image)), torch.zeros_like(image))
        batches = self._view_batches(image, progress, rng.seeds())
        for batch, (distances, cosines, grad) in self._scores(batches, image.device):
            total.grad += batch.strength * pulled_back(batch.views, batch.images, grad)
            total.loss += batch.strength * distances
            cosines = batch.share * cosines
            total.similarity = cosines if total.similarity is None else total.similarity + cosines
        return total

    def _view_batches(
        self, image: Tensor, progress: float, seeds: list[int]
    ) -> Iterator[ViewBatch]:
        """Yield the views for one CLIP after the other, which need not be in memory together.
        They are of the images rolled at random where edges meet, so that no view sees an edge."""
        axes = self.rings[1], self.rings[0]
        offsets = [random_offset(seed, (image.shape[2], image.shape[3]), axes) for seed in seeds]
        for k, (target, strength, share) in enumerate(self._strengths(progress)):
            if not strength:
                continue
            with torch.enable_grad():
                images = image.detach().requires_grad_()
                shown = rolled(images, offsets)
                cutouts = [
                    self.views(shown[b : b + 1], target.clip.size, progress, seed + k)
                    for b, seed in enumerate(seeds)
                ]
                views = torch.cat([batch.views for batch in cutouts])
            weights = target.weights(progress, self.settings.weights)
            counts = [count for batch in cutouts for count in batch.counts]
            contrast = self.settings.contrast(progress)
            yield ViewBatch(target, strength, share, images, views, counts, weights, contrast)

    def _scores(
        self, batches: Iterable[ViewBatch], device: torch.device
    ) -> Iterable[tuple[ViewBatch, Score]]:
        """Return the score of each batch. On the CPU several small towers run in parallel, each
        in one thread."""
        small = all(math.prod(target.clip.size) <= SMALL for target in self.targets)
        if device.type == "cpu" and small and len(self.targets) > 1:
            return single_core_threads(len(self.targets)).map(self._scored, list(batches))
        return map(self._scored, batches)

    def _scored(self, batch: ViewBatch) -> tuple[ViewBatch, Score]:
        """Return the batch with its score, in smaller micro-batches if memory runs out."""
        with self.memory_policy.on_device(batch.target.clip):
            return batch, until_it_fits(
                partial(self._score, batch),
                partial(self.memory_policy.halve_chunk_size, len(batch.views)),
            )

    def _strengths(self, progress: float) -> Iterator[tuple[Target, float, float]]:
        """Yield each CLIP with the factor of its distance in the loss, 0 if it has no prompt at
        `progress`, and its share among the CLIPs."""
        scale = self.settings.scale(progress)
        weights = [
            target.weight(progress) if any(p.at(progress) for p in target.prompts) else 0.0
            for target in self.targets
        ]
        together = sum(weights)
        for target, weight in zip(self.targets, weights, strict=True):
            share = weight / together if together else 0.0
            yield target, scale * (weight if self.settings.combine == "sum" else share), share

    def _score(self, batch: ViewBatch) -> Score:
        """Return each image's mean distance and cosine over its views, and the distance's gradient
        with respect to the views. CLIP's activations are in memory for one micro-batch."""
        views, target, counts = batch.views.detach(), batch.target, batch.counts
        grads, distances, cosines = [], [], []
        images = len(batch.images)
        total = sum(counts) / images
        repeats = sent(torch.tensor(counts), views)
        size = self.memory_policy.chunk_size(len(views))
        for part, repeat in zip(views.split(size), repeats.split(size), strict=True):
            with torch.enable_grad():
                part = part.requires_grad_()
                points = target.clip.encode_image(part)
                distance = target.distance(points, batch.weights, batch.contrast)
                # Scaled by 1024, because so small a gradient would underflow in half precision.
                (grad,) = torch.autograd.grad((distance * repeat).sum() * 1024, part)
            grads.append(grad / (1024 * total))
            distances.append(distance.detach())
            cosines.append((points.detach() @ target.points.T) @ batch.weights)
        mean = [
            (torch.cat(x) * repeats).view(images, -1).sum(1) / total for x in (distances, cosines)
        ]
        return mean[0], mean[1], torch.cat(grads)


@cache
def single_core_threads(count: int) -> ThreadPoolExecutor:
    """Return a pool of threads in each of which torch uses one core."""
    before, started = torch.get_num_threads(), Barrier(count + 1)

    def use_one_core() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # applies it to this thread before the process-wide value is reset
        started.wait()

    pool = ThreadPoolExecutor(count, initializer=use_one_core)
    for _ in range(count):
        pool.submit(int)
    started.wait()
    torch.set_num_threads(before)  # for threads that start later
    return pool


def encoded(name: str, clip: ClipModel, scene: Scene, split: bool, contrasted: bool) -> Target:
    """Return the prompts for the CLIP of this name, encoded by it, with their alternatives if they
    are `contrasted`."""
    prompts = meant_for(scene.prompts, name)
    points = [point(clip, prompt, split) for prompt in prompts]
    weight = scene.clip_weights.get(name, schedule("weight", 1))
    target = Target(clip, prompts, torch.stack(points) if points else torch.empty(0), weight)
    if contrasted:
        # The text of a picture is its path.
        others = [
            own.new_empty(0, len(own)) if prompt.image else clip.alternatives(prompt.text)
            for prompt, own in zip(prompts, points, strict=True)
        ]
        target.others = others if any(map(len, others)) else []
    return target


def point(clip: ClipModel, prompt: Prompt, split: bool) -> Tensor:
    """Return the prompt's embedding (D,), a unit vector, of its picture or else of its text."""
    return (
        picture_point(clip, prompt.image) if prompt.image else text_point(clip, prompt.text, split)
    )


def text_point(clip: ClipModel, text: str, split: bool) -> Tensor:
    """Return a text's embedding (D,); with `split` the normalised mean of parts that fit into the
    CLIP's context."""
    points = clip.encode_text(clip.split(text) if split else [text])
    return points[0] if len(points) == 1 else F.normalize(points.mean(0), dim=-1)


@torch.no_grad()
def picture_point(clip: ClipModel, path: str) -> Tensor:
    """Return the normalised mean embedding (D,) of a letter-boxed picture and its mirror image."""
    view = resize(square(read_picture(path)), clip.size).clamp(0, 1)
    points = clip.encode_image(torch.cat([view, view.flip(3)]).to(clip.device))
    return F.normalize(points.mean(0), dim=-1)


@torch.no_grad()
def cosine(image: Tensor, prompts: list[Prompt], clip: ClipModel) -> float | None:
    """Return the weighted cosine of the whole image (1, 3, H, W) with the prompts, or None without
    prompts. Their weights are those at the end of the run, or the mean over it if all are 0."""
    weights = [p.at(1.0) for p in prompts]
    if not any(weights):
        weights = [sum(p.at(k / 100) for k in range(100)) / 100 for p in prompts]
    weighted = [p for p, weight in zip(prompts, weights, strict=True) if weight]
    if not weighted:
        return None
    points = torch.stack([point(clip, p, split=True) for p in weighted])
    view = clip.encode_image(resize(square(image.clamp(0, 1)), clip.size))
    normalised = torch.tensor(shares([weight for weight in weights if weight])).to(points)
    return float((view @ points.T) @ normalised)


def spherical(x: Tensor, y: Tensor) -> Tensor:
    """Return half the squared angle in radians between unit vectors: (N, D), (P, D) -> (N, P)."""
    half_chord = (x[:, None] - y[None]).norm(dim=-1) / 2  # sin of half the angle
    # Rounding may exceed 1 for opposite vectors, and the derivative of arcsin at 1 is infinite.
    return half_chord.clamp(max=1 - 1e-6).arcsin().square() * 2


def contrastive_loss(
    views: Tensor, points: Tensor, others: Sequence[Tensor], scale: float
) -> Tensor:
    """Return how badly views (N, D) are told to show each of the prompts (P, D) and none of its
    alternatives (K, D): (N, P).

    The cross entropy -log softmax(scale * cosine) of the prompt among its alternatives, divided by
    the scale, so that its derivative by a cosine is at most 1; it vanishes where the model is
    certain of the prompt. It is classifier guidance (Dhariwal and Nichol 2021,
    https://arxiv.org/abs/2105.05233) by CLIP's zero-shot classifier (Radford et al. 2021,
    https://arxiv.org/abs/2103.00020)."""
    losses = []
    for point, other in zip(points, others, strict=True):
        logits = scale * views @ torch.cat([point[None], other]).T
        losses.append((logits.logsumexp(1) - logits[:, 0]) / scale)
    return torch.stack(losses, 1)


def sigmoid_loss(cosines: Tensor, weights: Tensor, scale: float, bias: float) -> Tensor:
    """Return SigLIP's loss: cosines (N, P) of views and prompts, weights (P,) -> (N,).

    The weighted sum of -log sigmoid(z (scale * cosine + bias)) / scale, where the label z is the
    sign of the prompt's weight. Divided by the scale, its derivative by a cosine is at
    most the weight, comparable with the spherical distance; it vanishes where the model is certain
    of the label."""
    logits = scale * cosines + bias
    return F.softplus(-weights.sign() * logits) @ weights.abs() / scale
