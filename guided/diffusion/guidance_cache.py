"""Guidance at every n-th evaluation of the denoiser, and the cached gradient in between.

A step with recurrence has several evaluations, each of which counts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from guided.interfaces import GuideGradient, State
from guided.schedule import Schedule, schedule

PREFIX = "guides."  # of the cache's entries in a state


@dataclass(frozen=True)
class GuidanceInterval:
    """How often the guides are evaluated, and the gradient that is used in between."""

    every: Schedule = schedule("every", 1)  # evaluations of the denoiser
    between: str = "again"  # the last gradient again, or nothing

    @property
    def always(self) -> bool:
        """Return whether the guides are evaluated every time."""
        return self.every.highest == 1


@dataclass
class CachedGradient:
    """The sum of the guides' gradients, their losses and the similarity."""

    # (B, 3, H, W), with respect to the guides' image in [0, 1]; None if no guide is active.
    grad: Tensor | None = None
    further: Tensor | None = None  # the sum of those with respect to the image, moved
    losses: dict[str, Tensor] = field(default_factory=dict)  # per guide, (B,)
    similarity: Tensor | None = None  # (B,)

    @classmethod
    def summed(cls, gradients: Mapping[str, GuideGradient], active: bool) -> CachedGradient:
        """Return the sum over the guides; without a gradient if no guide is `active`."""
        grad = sum(one.grad for one in gradients.values()) if active else None
        assert grad is None or isinstance(grad, Tensor)
        losses = {name: one.loss.detach() for name, one in gradients.items()}
        similarities = (g.similarity for g in gradients.values() if g.similarity is not None)
        return cls(grad, None, losses, next(similarities, None))

    @classmethod
    def softmin(cls, each: Sequence[CachedGradient]) -> CachedGradient:
        """Return the gradient of -log of the mean of exp(-loss) over several noisy versions of
        an image, with the mean of losses and similarities by the same weights."""
        first = each[0]
        if len(each) == 1 or first.grad is None:
            return first
        losses = {name: torch.stack([one.losses[name] for one in each]) for name in first.losses}
        shares = (-sum(losses.values(), start=torch.zeros(()))).softmax(0)  # (samples, B)
        grads = torch.stack([one.grad for one in each if one.grad is not None])
        seen = [one.similarity for one in each if one.similarity is not None]
        return cls(
            (shares.view(*shares.shape, 1, 1, 1).to(grads) * grads).sum(0),
            None,
            {name: (shares * values).sum(0) for name, values in losses.items()},
            (shares * torch.stack(seen)).sum(0) if seen else None,
        )

    def state(self) -> State:
        """Return the tensors by name, for `restored`."""
        losses = {f"loss.{name}": loss for name, loss in self.losses.items()}
        tensors = {"grad": self.grad, "further": self.further, "similarity": self.similarity}
        return losses | {name: tensor for name, tensor in tensors.items() if tensor is not None}

    @classmethod
    def restored(cls, saved: State) -> CachedGradient:
        """Return the gradient whose `state` was saved."""
        losses = {
            name.removeprefix("loss."): loss
            for name, loss in saved.items()
            if name.startswith("loss.")
        }
        return cls(saved.get("grad"), saved.get("further"), losses, saved.get("similarity"))


@dataclass
class GuidanceCache:
    """The guides' last gradient in one run, and its age."""

    interval: GuidanceInterval = field(default_factory=GuidanceInterval)
    since: int | None = None  # evaluations since the guides were evaluated; None: not yet
    gradient: CachedGradient = field(default_factory=CachedGradient)

    def is_due(self, progress: float) -> bool:
        """Return whether the guides are evaluated at the next evaluation of the denoiser."""
        return self.since is None or self.since >= self.interval.every(progress)

    def update(self, evaluated: bool, gradient: CachedGradient) -> None:
        """Count a successful evaluation of the denoiser. If the guides were `evaluated` in it,
        keep their gradient for as long as it will be used."""
        self.since = 1 if evaluated else (self.since or 0) + 1
        if evaluated:
            reused = self.interval.between == "again" and not self.interval.always
            self.gradient = gradient if reused else CachedGradient()

    def reset(self) -> None:
        """Drop the gradient, which belongs to another image."""
        self.since, self.gradient = None, CachedGradient()

    def state(self) -> State:
        """Return the cache as tensors by name, for `restore`."""
        if self.interval.always or self.since is None:
            return {}
        tensors = {"since": torch.tensor(self.since)} | self.gradient.state()
        return {PREFIX + name: tensor for name, tensor in tensors.items()}

    def restore(self, saved: State, device: torch.device) -> None:
        """Take over a `state`, on the device."""
        tensors = {
            name.removeprefix(PREFIX): tensor.to(device)
            for name, tensor in saved.items()
            if name.startswith(PREFIX)
        }
        since = tensors.pop("since", None)
        self.since = None if since is None else int(since)
        self.gradient = CachedGradient.restored(tensors)
