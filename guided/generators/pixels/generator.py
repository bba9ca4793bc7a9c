"""Optimisation of a picture's coefficients under guides."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from guided.diffusion.guidance_method import rms
from guided.generators.optimisation import Optimisation
from guided.generators.pixels.basis import Basis
from guided.interfaces import Guide, Request, State, Step, StepMeter
from guided.memory.meta_copies import META
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import Schedule

LARGEST = 0.98  # of an init picture's values, in [-1, 1]: beyond, tanh lets no gradient through


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
        basis = self.basis_of(request.size)
        values = torch.empty((len(request.seeds), basis.count), device=self.device)
        self._optimisation(basis).trace(values, guides, request, progress, meter)

    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """Yield the steps of Optimisation.steps."""
        basis = self.basis_of(request.size)
        return self._optimisation(basis).steps(
            request, guides, lambda rng: self._begin(request, basis, rng), self.device, saved
        )

    def _optimisation(self, basis: Basis) -> Optimisation:
        """Return the optimisation of coefficients in a basis."""

        def change(values: Tensor, direction: Tensor, progress: float) -> Tensor:
            change = self.rate(progress) * direction
            change = change * basis.up_to(self.detail(progress)).to(direction)
            if self.bound is not None:
                change = bounded(basis, change, self.bound(progress))
            return values - change

        return Optimisation(
            lambda values: pictures(basis, values),
            change,
            self.momentum,
            self.smoothing,
            self.memory_policy,
        )

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
