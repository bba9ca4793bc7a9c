"""Optimisation of a picture's coefficients under guides.

Adam: Kingma and Ba 2015, https://arxiv.org/abs/1412.6980. Written out here, because torch's own
optimisers import its compiler, which takes seconds, and because each image of a batch has its own
moments, bit for bit those that it has alone.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from guided.diffusion.gradients import pulled_back
from guided.diffusion.guidance_method import rms
from guided.diffusion.known_pixels import KnownPixels
from guided.diffusion.oom_retry import no_room
from guided.errors import NoRoom
from guided.generators.pixels.basis import Basis
from guided.interfaces import Guide, GuideGradient, Prediction, Request, State, Step, StepMeter
from guided.memory.meta_copies import META
from guided.oom import MemoryPolicy, out_of_memory, until_it_fits
from guided.rng import RandomStreams
from guided.schedule import Schedule

log = logging.getLogger(__name__)
EPSILON = 1e-8  # of Adam
LARGEST = 0.98  # of an init picture's values, in [-1, 1]: beyond, tanh lets no gradient through


@dataclass
class AdamState:
    """The coefficients of a batch and Adam's moments of their gradients, each (B, N)."""

    values: Tensor
    mean: Tensor
    square: Tensor
    taken: int = 0  # steps

    @classmethod
    def begin(cls, values: Tensor) -> AdamState:
        return cls(values, torch.zeros_like(values), torch.zeros_like(values))

    def direction(self, grad: Tensor, momentum: float, smoothing: float) -> Tensor:
        """Update the moments with a gradient (B, N) and return the direction of the step."""
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
class PixelGenerator:
    """A generator that has no network: it optimises the picture itself."""

    basis_of: Callable[[tuple[int, int]], Basis]  # (width, height) -> its basis
    rate: Schedule
    momentum: float
    smoothing: float
    bound: Schedule | None
    detail: Schedule
    contrast: float
    device: torch.device
    memory_policy: MemoryPolicy

    @property
    def recomputes(self) -> bool:
        """False: there is no network whose activations could be recomputed."""
        return False

    def networks(self) -> dict[str, nn.Module]:
        """Return no network."""
        return {}

    def on_meta(self) -> PixelGenerator:
        """Return a copy on torch's meta device, for counting memory."""
        return replace(self, device=META)

    def phase(self, progress: float) -> Hashable:
        """Return the same for every step: all need the same memory."""
        return None

    def trace_step(
        self, guides: Mapping[str, Guide], request: Request, progress: float, meter: StepMeter
    ) -> None:
        """Take one guided step at `progress` and tell the meter of its phases."""
        width, height = request.size
        basis = self.basis_of(request.size)
        images, rng = len(request.seeds), RandomStreams(request.seeds)
        meter.begin(torch.empty((images, 3, height, width), device=self.device))
        values = torch.empty((images, basis.count), device=self.device, requires_grad=True)
        with torch.enable_grad():
            image = pictures(basis, values)
        meter.predicted()
        meter.look(guides, image.detach(), progress, rng)
        adam = AdamState.begin(values.detach())
        grad = pulled_back(image, values, torch.empty_like(image))
        adam.direction(grad, self.momentum, self.smoothing)
        meter.finished()

    @torch.no_grad()
    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """Yield one Step after each of the request's steps, less those that it skips; with the
        state of one of them, those after it, bit for bit. Raise ValueError if the state belongs to
        another request."""
        rng, basis = RandomStreams(request.seeds), self.basis_of(request.size)
        adam = AdamState.begin(self._begin(request, basis, rng))
        if saved is not None:
            adam = adam.restored(saved)
            if adam.taken >= request.drawn:
                raise ValueError("the saved state is not of this request")
            rng.restore(saved["dice"])
            self.memory_policy.restore(saved)
        known = KnownPixels.of(request, self.device, request.skip / request.steps)
        guides = guides if known is None else known.guides(guides)
        for taken in range(adam.taken, request.drawn):
            progress = (request.skip + taken) / request.steps
            prediction = self._step(basis, adam, guides, rng, progress)
            prediction = prediction if known is None else known.replaced(prediction, progress)
            state = adam.state() | {"taken": torch.tensor(adam.taken), "dice": rng.state()}
            state |= self.memory_policy.state()
            yield Step(request.drawn - 1 - taken, prediction.unguided, prediction, {}, state)

    def _step(
        self,
        basis: Basis,
        adam: AdamState,
        guides: Mapping[str, Guide],
        rng: RandomStreams,
        progress: float,
    ) -> Prediction:
        """Take one step of Adam, and return the pictures after it with the guides' losses before
        it."""
        with torch.enable_grad():
            values = adam.values.detach().requires_grad_()
            image = pictures(basis, values)
        seen = (image.detach() + 1) / 2
        gradients = self._look(guides, seen, progress, rng)
        grad = sum((one.grad for one in gradients.values()), torch.zeros_like(seen))
        norm = rms(grad)
        if not norm.isfinite().all():
            log.warning("the gradient at progress %.2f is not finite and is left out", progress)
            finite = norm.isfinite().view(-1, 1, 1, 1)
            grad = torch.where(finite, grad, torch.zeros_like(grad))
        grad = pulled_back(image, values, grad.to(image) / 2)  # from [0, 1] to [-1, 1]
        direction = adam.direction(grad, self.momentum, self.smoothing)
        change = self.rate(progress) * direction * basis.up_to(self.detail(progress)).to(direction)
        if self.bound is not None:
            change = bounded(basis, change, self.bound(progress))
        adam.values = adam.values - change
        shown = pictures(basis, adam.values)
        similarity = (g.similarity for g in gradients.values() if g.similarity is not None)
        return Prediction(
            shown,
            shown,
            losses={name: one.loss.detach() for name, one in gradients.items()},
            similarity=next(similarity, None),
            grad_norm=norm,
            seen=seen,
            progress=progress,
        )

    def _look(
        self, guides: Mapping[str, Guide], image: Tensor, progress: float, rng: RandomStreams
    ) -> dict[str, GuideGradient]:
        """Return the guides' gradients at an image (B, 3, H, W), again with less memory where it
        runs out; raise NoRoom where no less is possible."""
        before = rng.state()

        def work() -> dict[str, GuideGradient]:
            rng.restore(before)
            return {name: guide(image, progress, rng) for name, guide in guides.items()}

        try:
            return until_it_fits(work, lambda: self.memory_policy.offload_from(image.device))
        except Exception as error:
            if not out_of_memory(error):
                raise
            why = no_room(image)
        raise NoRoom(why)  # out here, so that it holds none of the tensors

    def _begin(self, request: Request, basis: Basis, rng: RandomStreams) -> Tensor:
        """Return the first coefficients (B, N): faint noise, on the init picture if there is
        one."""
        shape = (len(request.seeds), basis.count)
        noise = self.contrast * rng.normal_like(torch.empty(shape, device=self.device))
        noise = noise * basis.up_to(self.detail.highest).to(noise)
        if request.init is None:
            return noise
        inits = request.init.to(noise).clamp(-LARGEST, LARGEST)
        begun = [basis.coefficients(one.clone().atanh()) for one in inits]
        return noise + torch.stack(begun).expand_as(noise)


def pictures(basis: Basis, values: Tensor) -> Tensor:
    """Return the pictures (B, 3, H, W) in [-1, 1] of coefficients (B, N): one by one, since the
    last bits of a picture must not depend on its neighbours."""
    return torch.stack([basis.picture(one).tanh() for one in values])


def bounded(basis: Basis, change: Tensor, limit: float) -> Tensor:
    """Scale each image's change (B, N) of coefficients down so that the root mean square of the
    change of values before tanh is at most `limit`."""
    size = torch.stack([rms(basis.picture(one)[None]) for one in change])
    return torch.where(size > limit, change * (limit / size), change)
