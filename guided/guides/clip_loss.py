"""The work of the CLIP guide: distance of views to prompts, and its gradient, in bounded memory.

Knows nothing about diffusion; see guides/clip.py for its settings.
"""

import math
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from threading import Barrier
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.cutouts.resize import resize
from guided.diffusion.gradients import pulled_back
from guided.images import read_picture, square
from guided.interfaces import ClipModel, CutoutSampler, GuideGradient, Scene
from guided.oom import MemoryPolicy, until_it_fits
from guided.prompts.prompt import Prompt, meant_for, shares
from guided.rng import RandomStreams
from guided.schedule import Schedule, schedule

SMALL = 64 * 64  # pixels of a view: a tower for so few gains nothing from a second core
Score = tuple[Tensor, Tensor, Tensor]


class ClipLossSettings(Protocol):
    """Values of the settings `guide.clip` (guided.guides.clip.ClipGuide)."""

    scale: Schedule
    combine: str
    weights: str
    long: str


@dataclass
class Target:
    """What one CLIP should see: a point (D,) of its sphere for each of its prompts."""

    clip: ClipModel
    prompts: list[Prompt]
    points: Tensor  # (P, D)
    weight: Schedule  # of this CLIP among the others

    def weights(self, progress: float, rule: str) -> Tensor:
        """(P,): what each prompt counts there, normalised among those that count."""
        return torch.tensor(shares([p.at(progress) for p in self.prompts], rule)).to(self.points)

    def distance(self, seen: Tensor, weights: Tensor) -> Tensor:
        """(N, D) unit vectors, weights (P,) -> (N,): weighted distance from the prompts, as
        this CLIP learned to tell it."""
        if self.clip.kind == "sigmoid":
            cosines = seen @ self.points.T
            return mismatch(cosines, weights, self.clip.logit_scale, self.clip.logit_bias)
        return spherical(seen, self.points) @ weights


@dataclass
class ViewBatch:
    """What one CLIP is to see of all images at a step."""

    target: Target
    strength: float
    share: float
    leaf: Tensor  # the images, (B, 3, H, W)
    views: Tensor  # (N, 3, h, w), differentiable in `leaf`
    counts: list[int]  # what each view of an image counts
    weights: Tensor  # (P,) of the prompts


@dataclass
class ClipSimilarity:
    targets: list[Target]
    views: CutoutSampler
    settings: ClipLossSettings
    memory_policy: MemoryPolicy

    @classmethod
    def prepare(cls, scene: Scene, settings: ClipLossSettings) -> "ClipSimilarity":
        targets = [
            target(name, clip, scene, settings.long == "split")
            for name, clip in scene.clips.items()
        ]
        memory_policy = scene.memory_policy or MemoryPolicy(scene.cutouts.micro_batch)
        return cls(targets, scene.cutouts.prepare(), settings, memory_policy)

    def is_active(self, progress: float) -> bool:
        return any(strength for _, strength, _ in self._strengths(progress))

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        pull = GuideGradient(image.new_zeros(len(image)), torch.zeros_like(image))
        glances = self._glances(image, progress, rng.seeds())
        for one, (distances, cosines, grad) in self._scores(glances, image.device):
            pull.grad += one.strength * pulled_back(one.views, one.leaf, grad)
            pull.loss += one.strength * distances
            cosines = one.share * cosines
            pull.similarity = cosines if pull.similarity is None else pull.similarity + cosines
        return pull

    def _glances(self, image: Tensor, progress: float, seeds: list[int]) -> Iterator[ViewBatch]:
        """One CLIP's after another's, so that they need not be in memory together."""
        for k, (target, strength, share) in enumerate(self._strengths(progress)):
            if not strength:
                continue
            with torch.enable_grad():
                leaf = image.detach().requires_grad_()
                shown = [
                    self.views(leaf[b : b + 1], target.clip.size, progress, seed + k)
                    for b, seed in enumerate(seeds)
                ]
                views = torch.cat([one.views for one in shown])
            weights = target.weights(progress, self.settings.weights)
            counts = shown[0].counts  # those of every image
            yield ViewBatch(target, strength, share, leaf, views, counts, weights)

    def _scores(
        self, glances: Iterable[ViewBatch], device: torch.device
    ) -> Iterable[tuple[ViewBatch, Score]]:
        """On the CPU several small towers run side by side, a core each."""
        small = all(math.prod(target.clip.size) <= SMALL for target in self.targets)
        if device.type == "cpu" and small and min(len(self.targets), torch.get_num_threads()) > 1:
            return cores(len(self.targets)).map(self._scored, list(glances))
        return map(self._scored, glances)

    def _scored(self, glance: ViewBatch) -> tuple[ViewBatch, Score]:
        with self.memory_policy.on_device(glance.target.clip):
            return glance, until_it_fits(
                partial(self._score, glance),
                partial(self.memory_policy.halve_chunk_size, len(glance.views)),
            )

    def _strengths(self, progress: float) -> Iterator[tuple[Target, float, float]]:
        """What each CLIP's distance is multiplied by, 0 for one that is not asked there; and its
        share among them."""
        scale = self.settings.scale(progress)
        weights = [
            target.weight(progress) if any(p.at(progress) for p in target.prompts) else 0.0
            for target in self.targets
        ]
        together = sum(weights)
        for target, weight in zip(self.targets, weights, strict=True):
            share = weight / together if together else 0.0
            yield target, scale * (weight if self.settings.combine == "sum" else share), share

    def _score(self, glance: ViewBatch) -> Score:
        """Per image: weighted mean distance and cosine; per view: the gradient of the former.
        CLIP's activations are kept for one micro-batch at a time."""
        views, target, counts = glance.views.detach(), glance.target, glance.counts
        pulls, distances, cosines = [], [], []
        images, together = len(views) // len(counts), sum(counts)
        times = torch.tensor(counts * images).to(views)
        at_once = self.memory_policy.chunk_size(len(views))
        for part, often in zip(views.split(at_once), times.split(at_once), strict=True):
            with torch.enable_grad():
                part = part.requires_grad_()
                seen = target.clip.encode_image(part)
                distance = target.distance(seen, glance.weights)
                # Half precision would lose a gradient this small; scaled up here and down after.
                (pull,) = torch.autograd.grad((distance * often).sum() * 1024, part)
            pulls.append(pull / (1024 * together))
            distances.append(distance.detach())
            cosines.append((seen.detach() @ target.points.T) @ glance.weights)
        mean = [
            (torch.cat(x) * times).view(images, -1).sum(1) / together for x in (distances, cosines)
        ]
        return mean[0], mean[1], torch.cat(pulls)


@cache
def cores(count: int) -> ThreadPoolExecutor:
    """Threads in each of which torch keeps to one core."""
    before, there = torch.get_num_threads(), Barrier(count + 1)

    def keep_to_one() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # takes it over, before the process gets its own number back
        there.wait()

    pool = ThreadPoolExecutor(count, initializer=keep_to_one)
    for _ in range(count):
        pool.submit(int)
    there.wait()
    torch.set_num_threads(before)  # else threads that begin later had one core as well
    return pool


def target(name: str, clip: ClipModel, scene: Scene, split: bool) -> Target:
    """The prompts that are meant for this CLIP, as it sees them."""
    prompts = meant_for(scene.prompts, name)
    points = [point(clip, prompt, split) for prompt in prompts]
    weight = scene.clip_weights.get(name, schedule("weight", 1))
    return Target(clip, prompts, torch.stack(points) if points else torch.empty(0), weight)


def point(clip: ClipModel, prompt: Prompt, split: bool) -> Tensor:
    """(D,): where on its sphere this CLIP sees what the prompt says."""
    return (
        picture_point(clip, prompt.image) if prompt.image else text_point(clip, prompt.text, split)
    )


def text_point(clip: ClipModel, text: str, split: bool) -> Tensor:
    """(D,); the middle of its parts where a text is longer than this CLIP reads and is split."""
    points = clip.encode_text(clip.split(text) if split else [text])
    return points[0] if len(points) == 1 else F.normalize(points.mean(0), dim=-1)


@torch.no_grad()
def picture_point(clip: ClipModel, path: str) -> Tensor:
    """(D,): the middle of the picture and its mirror image, letter-boxed."""
    view = resize(square(read_picture(path)), clip.size).clamp(0, 1)
    seen = clip.encode_image(torch.cat([view, view.flip(3)]).to(clip.device))
    return F.normalize(seen.mean(0), dim=-1)


@torch.no_grad()
def compared(image: Tensor, prompts: list[Prompt], clip: ClipModel) -> float | None:
    """Weighted cosine of the whole image (1, 3, H, W) with the prompts as they are at the end of
    a run, or on average where none is left by then."""
    weights = [p.at(1.0) for p in prompts]
    if not any(weights):
        weights = [sum(p.at(k / 100) for k in range(100)) / 100 for p in prompts]
    kept = [p for p, weight in zip(prompts, weights, strict=True) if weight]
    if not kept:
        return None
    points = torch.stack([point(clip, p, split=True) for p in kept])
    seen = clip.encode_image(resize(square(image.clamp(0, 1)), clip.size))
    counted = torch.tensor(shares([weight for weight in weights if weight])).to(points)
    return float((seen @ points.T) @ counted)


def spherical(x: Tensor, y: Tensor) -> Tensor:
    """Squared great-circle distance, halved: unit vectors (N, D), (P, D) -> (N, P)."""
    half_chord = (x[:, None] - y[None]).norm(dim=-1) / 2
    # At exactly opposite points rounding may exceed 1, where arcsin is not defined.
    return half_chord.clamp(max=1 - 1e-6).arcsin().square() * 2


def mismatch(cosines: Tensor, weights: Tensor, scale: float, bias: float) -> Tensor:
    """cosines (N, P) of views and prompts, weights (P,) -> (N,): the weighted surprise of a model
    that expects each pair to match, or not to match where the weight is negative.

    Divided by the scale, so that its slope against a cosine is at most the weight, about as steep
    as the spherical distance of other CLIPs; it fades where the model is already convinced."""
    logits = scale * cosines + bias
    return F.softplus(-weights.sign() * logits) @ weights.abs() / scale
