"""How often guides are asked, and what stands for their answer in between.

Counted in evaluations of the denoiser, of which a step that is taken several times (recurrence)
has several: each costs as much as any other. Knows nothing about networks or noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from guided.interfaces import GuideGradient, State
from guided.schedule import Schedule, schedule

PREFIX = "guides."  # of what is remembered, in a state


@dataclass(frozen=True)
class GuidanceInterval:
    every: Schedule = schedule("every", 1)  # guides are asked at every so many evaluations
    between: str = "again"  # what holds until then: their last answer, or nothing

    @property
    def always(self) -> bool:
        return self.every.highest == 1


@dataclass
class CachedGradient:
    """What the guides said of the images, all together."""

    # (B, 3, H, W), with respect to what they saw, in [0, 1]; None where none asked for anything.
    grad: Tensor | None = None
    losses: dict[str, Tensor] = field(default_factory=dict)  # per guide, (B,)
    similarity: Tensor | None = None  # (B,)

    @classmethod
    def of(cls, pulls: Mapping[str, GuideGradient], wanted: bool) -> CachedGradient:
        grad = sum(pull.grad for pull in pulls.values()) if wanted else None
        losses = {name: pull.loss.detach() for name, pull in pulls.items()}
        found = (p.similarity for p in pulls.values() if p.similarity is not None)
        return cls(grad, losses, next(found, None))

    def state(self) -> State:
        losses = {f"loss.{name}": loss for name, loss in self.losses.items()}
        found = losses | {"grad": self.grad, "similarity": self.similarity}
        return {name: tensor for name, tensor in found.items() if tensor is not None}

    @classmethod
    def restored(cls, saved: State) -> CachedGradient:
        losses = {
            name.removeprefix("loss."): loss
            for name, loss in saved.items()
            if name.startswith("loss.")
        }
        return cls(saved.get("grad"), losses, saved.get("similarity"))


@dataclass
class GuidanceCache:
    """The guides of one drawing: when they were asked last, and what they said."""

    interval: GuidanceInterval = field(default_factory=GuidanceInterval)
    since: int | None = None  # evaluations; None: not yet
    answer: CachedGradient = field(default_factory=CachedGradient)  # as far as it still holds

    def due(self, progress: float) -> bool:
        """Whether they are to be asked now."""
        return self.since is None or self.since >= self.interval.every(progress)

    def went(self, asked: bool, answer: CachedGradient) -> None:
        """An evaluation is over, with this answer. One that failed does not count."""
        self.since = 1 if asked else (self.since or 0) + 1
        if asked:
            holds = self.interval.between == "again" and not self.interval.always
            self.answer = answer if holds else CachedGradient()

    def forget(self) -> None:
        """What comes now is another image."""
        self.since, self.answer = None, CachedGradient()

    def state(self) -> State:
        if self.interval.always or self.since is None:
            return {}
        found = {"since": torch.tensor(self.since)} | self.answer.state()
        return {PREFIX + name: tensor for name, tensor in found.items()}

    def restore(self, saved: State, device: torch.device) -> None:
        """From where they were when the state was taken."""
        found = {
            name.removeprefix(PREFIX): tensor.to(device)
            for name, tensor in saved.items()
            if name.startswith(PREFIX)
        }
        since = found.pop("since", None)
        self.since = None if since is None else int(since)
        self.answer = CachedGradient.restored(found)
