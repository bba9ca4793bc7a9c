"""Optimisation of the values that pictures are made of, under guides.

Adam: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980. Written out here, because torch's own
optimisers import its compiler, which takes seconds, and because each image of a batch has its own
moments, bit for bit those that it has alone.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor, nn

from guided.diffusion.gradients import pulled_back
from guided.diffusion.guidance_method import rms
from guided.diffusion.known_pixels import KnownPixels
from guided.diffusion.oom_retry import repeated
from guided.interfaces import Guide, GuideGradient, Prediction, Request, State, Step, StepMeter
from guided.memory.meta_copies import META, meta_copy
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams

log = logging.getLogger(__name__)
EPSILON = 1e-8  # of Adam


@dataclass
class AdamState:
    """The values of a batch (B, ...), Adam's moments of their gradients, and the average of the
    values."""

    values: Tensor
    mean: Tensor
    square: Tensor
    average: Tensor | None = None  # None: it is not asked for
    taken: int = 0  # steps

    @classmethod
    def begin(cls, values: Tensor, averaged: bool = False) -> AdamState:
        zero = torch.zeros_like(values)
        return cls(values, zero, zero.clone(), values if averaged else None)

    def direction(self, grad: Tensor, momentum: float, smoothing: float) -> Tensor:
        """Update the moments with a gradient (B, ...) and return the direction of the step."""
        self.taken += 1
        self.mean = momentum * self.mean + (1 - momentum) * grad
        self.square = smoothing * self.square + (1 - smoothing) * grad.square()
        mean = self.mean / (1 - momentum**self.taken)
        square = self.square / (1 - smoothing**self.taken)
        return mean / (square.sqrt() + EPSILON)

    def move(self, values: Tensor, decay: float) -> Tensor:
        """Take the values of a step, and return those to show: their exponential average with the
        first ones and all since, if it is asked for."""
        self.values = values
        if self.average is None:
            return values
        share = (1 - decay) / (1 - decay ** (self.taken + 1))
        self.average = self.average + share * (values - self.average)
        return self.average

    def state(self) -> State:
        state = {"values": self.values, "mean": self.mean, "square": self.square}
        return state if self.average is None else state | {"average": self.average}

    def restored(self, saved: State) -> AdamState:
        """Return the state that was saved; raise ValueError if it belongs to other images."""
        names = list(self.state())
        if not {*names, "taken", "dice"} <= set(saved):
            raise ValueError("the saved state is not of this request")
        if any(saved[name].shape != self.values.shape for name in names):
            raise ValueError("the saved state is of images of another size or number")
        tensors = {name: saved[name].to(self.values) for name in names}
        return AdamState(**tensors, taken=int(saved["taken"]))


@dataclass
class Gradient:
    """The guides' gradient of values, and their other results."""

    of_values: Tensor  # (B, ...)
    by_guide: dict[str, GuideGradient]
    norm: Tensor  # (B,), root mean square of that of the pictures
    seen: Tensor  # the pictures (B, 3, H, W) in [0, 1]


@dataclass
class Optimisation:
    """Adam on values (B, ...) that pictures are made of."""

    pictures: Callable[[Tensor], Tensor]  # values -> (B, 3, H, W) in [-1, 1], differentiable
    change: Callable[[Tensor, Tensor, float], Tensor]  # values, Adam's direction, progress -> new
    momentum: float
    smoothing: float
    memory_policy: MemoryPolicy
    average: float = 0.0  # decay of the average that is shown; 0: the values themselves
    # Reduces the memory of a step, and returns the change as a setting; None: nothing is left.
    reduce: Callable[[], str | None] = lambda: None

    @torch.no_grad()
    def steps(
        self,
        request: Request,
        guides: Mapping[str, Guide],
        begin: Callable[[RandomStreams], Tensor],
        device: torch.device,
        saved: State | None = None,
    ) -> Iterator[Step]:
        """Yield one Step after each of the request's steps, less those that it skips; with the
        state of one of them, those after it, bit for bit. Raise ValueError if the state belongs to
        another request. `begin` returns the first values."""
        rng = RandomStreams(request.seeds)
        adam = AdamState.begin(begin(rng), self.average > 0)
        if saved is not None:
            adam = adam.restored(saved)
            if not 0 < adam.taken < request.drawn:
                raise ValueError("the saved state is not of this request")
            rng.restore(saved["dice"])
            self.memory_policy.restore(saved)
        known = KnownPixels.of(request, device, request.skip / request.steps)
        guides = guides if known is None else known.guides(guides)
        for taken in range(adam.taken, request.drawn):
            progress = (request.skip + taken) / request.steps
            prediction = self._step(adam, guides, request, rng, progress)
            prediction = prediction if known is None else known.replaced(prediction, progress)
            state = adam.state() | {"taken": torch.tensor(adam.taken), "dice": rng.state()}
            state |= self.memory_policy.state()
            yield Step(request.drawn - 1 - taken, prediction.unguided, prediction, {}, state)

    def _step(
        self,
        adam: AdamState,
        guides: Mapping[str, Guide],
        request: Request,
        rng: RandomStreams,
        progress: float,
    ) -> Prediction:
        """Take one step of Adam, and return the pictures after it with the guides' losses before
        it."""
        found = self._fitting(adam.values, guides, request, rng, progress)
        direction = adam.direction(found.of_values, self.momentum, self.smoothing)
        shown = self.pictures(
            adam.move(self.change(adam.values, direction, progress), self.average)
        )
        gradients = found.by_guide
        similarity = (g.similarity for g in gradients.values() if g.similarity is not None)
        return Prediction(
            shown,
            shown,
            losses={name: one.loss.detach() for name, one in gradients.items()},
            similarity=next(similarity, None),
            grad_norm=found.norm,
            seen=found.seen,
            progress=progress,
        )

    def _fitting(
        self,
        values: Tensor,
        guides: Mapping[str, Guide],
        request: Request,
        rng: RandomStreams,
        progress: float,
    ) -> Gradient:
        """Return the gradient, computed again with less memory where it runs out; raise NoRoom
        where no less is possible."""

        def reduce() -> str | None:
            return self.reduce() or self.memory_policy.offload_from(values.device)

        width, height = request.size
        return repeated(
            lambda: self._gradient(values, guides, rng, progress),
            *(rng, reduce, (len(values), 3, height, width)),
        )

    def _gradient(
        self, values: Tensor, guides: Mapping[str, Guide], rng: RandomStreams, progress: float
    ) -> Gradient:
        """Return the gradient of values (B, ...); where it is not finite, that of the image is
        0."""
        with torch.enable_grad():
            values = values.detach().requires_grad_()
            image = self.pictures(values)
        seen = (image.detach() + 1) / 2
        gradients = {name: guide(seen, progress, rng) for name, guide in guides.items()}
        grad = sum((one.grad for one in gradients.values()), torch.zeros_like(seen))
        norm = rms(grad)
        if not norm.isfinite().all():
            log.warning("the gradient at progress %.2f is not finite and is left out", progress)
            finite = norm.isfinite().view(-1, 1, 1, 1)
            grad = torch.where(finite, grad, torch.zeros_like(grad))
        grad = pulled_back(image, values, grad.to(image) / 2)  # from [0, 1] to [-1, 1]
        return Gradient(grad, gradients, norm, seen)

    def trace(
        self,
        values: Tensor,
        guides: Mapping[str, Guide],
        request: Request,
        progress: float,
        meter: StepMeter,
    ) -> None:
        """Take one step on values (B, ...) of the meta device, and tell the meter of its
        phases."""
        width, height = request.size
        meter.begin(torch.empty((len(request.seeds), 3, height, width), device=values.device))
        values = values.requires_grad_()
        with torch.enable_grad():
            image = self.pictures(values)
        meter.predicted()
        meter.look(guides, image.detach(), progress, RandomStreams(request.seeds))
        adam = AdamState.begin(values.detach(), self.average > 0)
        grad = pulled_back(image, values, torch.empty_like(image))
        adam.direction(grad, self.momentum, self.smoothing)
        meter.finished()


@dataclass
class LatentGenerator(ABC):
    """A generator that optimises the latents of a frozen network. `network` is a module that can
    recompute its activations for the gradient, by `checkpointing`."""

    network: Any
    device: torch.device
    memory_policy: MemoryPolicy

    @property
    def recomputes(self) -> bool:
        """True: the network's activations can be computed again for the gradient."""
        return True

    @property
    @abstractmethod
    def network_name(self) -> str:
        """Return the name of the network in the memory plan."""

    @property
    @abstractmethod
    def less_memory(self) -> str:
        """Return the settings that change where memory runs out, for the message."""

    def networks(self) -> dict[str, nn.Module]:
        """Return the network."""
        return {self.network_name: self.network}

    def on_meta(self) -> Self:
        """Return a copy on torch's meta device, for counting memory."""
        return replace(self, network=meta_copy(self.network), device=META)

    def phase(self, progress: float) -> Hashable:
        """Return the same for every step: all need the same memory."""
        return None

    def trace_step(
        self, guides: Mapping[str, Guide], request: Request, progress: float, meter: StepMeter
    ) -> None:
        """Take one guided step at `progress` and tell the meter of its phases."""
        values = torch.empty(self._shape(request), device=self.device)
        self._optimisation().trace(values, guides, request, progress, meter)

    @abstractmethod
    def _optimisation(self) -> Optimisation:
        """Return the optimisation of the latents."""

    @abstractmethod
    def _shape(self, request: Request) -> tuple[int, ...]:
        """Return the shape (B, ...) of a request's latents."""

    def _reduce(self) -> str | None:
        """Recompute activations from now on; return the change, None if they are already."""
        if self.network.checkpointing:
            return None
        self.memory_policy.checkpointing = self.network.checkpointing = True
        return self.less_memory
