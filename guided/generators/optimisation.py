"""What generators share that optimise a picture, or latents that make one, under guides.

Adam: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980. Written out here, because torch's own
optimisers import its compiler, which takes seconds, and because each image of a batch has its own
moments, bit for bit those that it has alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from guided.diffusion.guidance_method import rms
from guided.diffusion.oom_retry import no_room
from guided.errors import NoRoom
from guided.interfaces import GuideGradient, Prediction, State
from guided.oom import out_of_memory, until_it_fits
from guided.rng import RandomStreams

log = logging.getLogger(__name__)
T = TypeVar("T")
EPSILON = 1e-8  # of Adam


@dataclass
class AdamState:
    """The values of a batch that are optimised and Adam's moments of their gradients, each
    (B, ...)."""

    values: Tensor
    mean: Tensor
    square: Tensor
    taken: int = 0  # steps

    @classmethod
    def begin(cls, values: Tensor) -> AdamState:
        return cls(values, torch.zeros_like(values), torch.zeros_like(values))

    def direction(self, grad: Tensor, momentum: float, smoothing: float) -> Tensor:
        """Update the moments with a gradient (B, ...) and return the direction of the step."""
        self.taken += 1
        self.mean = momentum * self.mean + (1 - momentum) * grad
        self.square = smoothing * self.square + (1 - smoothing) * grad.square()
        mean = self.mean / (1 - momentum**self.taken)
        square = self.square / (1 - smoothing**self.taken)
        return mean / (square.sqrt() + EPSILON)

    def state(self) -> State:
        return {"values": self.values, "mean": self.mean, "square": self.square}

    def restored(self, saved: State) -> AdamState:
        """Return the state that was saved; raise ValueError if it belongs to other images."""
        names = ("values", "mean", "square")
        if not {*names, "taken", "dice"} <= set(saved):
            raise ValueError("the saved state is not of this request")
        if any(saved[name].shape != self.values.shape for name in names):
            raise ValueError("the saved state is of images of another size or number")
        values, mean, square = (saved[name].to(self.values) for name in names)
        return AdamState(values, mean, square, int(saved["taken"]))


@dataclass
class SummedGradient:
    """What the guides say of an image (B, 3, H, W) in [0, 1], and the sum of their gradients."""

    seen: Tensor
    gradients: Mapping[str, GuideGradient]
    grad: Tensor  # (B, 3, H, W); 0 for images of which it is not finite
    norm: Tensor  # (B,), its root mean square before

    @classmethod
    def of(
        cls, gradients: Mapping[str, GuideGradient], seen: Tensor, progress: float
    ) -> SummedGradient:
        """Return the sum of guides' gradients; warn where it is not finite."""
        grad = sum((one.grad for one in gradients.values()), torch.zeros_like(seen))
        norm = rms(grad)
        if not norm.isfinite().all():
            log.warning("the gradient at progress %.2f is not finite and is left out", progress)
            finite = norm.isfinite().view(-1, 1, 1, 1)
            grad = torch.where(finite, grad, torch.zeros_like(grad))
        return cls(seen, gradients, grad, norm)

    @property
    def losses(self) -> dict[str, Tensor]:
        """Return the loss (B,) of each guide."""
        return {name: one.loss.detach() for name, one in self.gradients.items()}

    def prediction(self, image: Tensor, progress: float) -> Prediction:
        """Return the prediction of a step that ends with an image (B, 3, H, W) in [-1, 1]."""
        every = (one.similarity for one in self.gradients.values())
        return Prediction(
            image,
            image,
            losses=self.losses,
            similarity=next((one for one in every if one is not None), None),
            grad_norm=self.norm,
            seen=self.seen,
            progress=progress,
        )


def retried(
    work: Callable[[], T],
    rng: RandomStreams,
    shape: tuple[int, ...],
    reduce: Callable[[], str | None],
) -> T:
    """Return work(), again with the same random numbers and less memory where it runs out; raise
    NoRoom where `reduce` can reduce nothing more. `shape` is the picture's, for the message."""
    before = rng.state()

    def again() -> T:
        rng.restore(before)
        return work()

    try:
        return until_it_fits(again, reduce)
    except Exception as error:
        if not out_of_memory(error):
            raise
    raise NoRoom(no_room(torch.empty(shape, device="meta")))  # out here: it holds no tensors
