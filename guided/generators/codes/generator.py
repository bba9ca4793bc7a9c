"""Optimisation of the latents of a frozen decoder under guides, as in VQGAN+CLIP.

Crowson et al. 2022, "VQGAN-CLIP: Open Domain Image Generation and Editing with Natural Language
Guidance", https://arxiv.org/abs/2204.08583
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.generators.codes.network import Autoencoder
from guided.generators.optimisation import LatentGenerator, Optimisation
from guided.interfaces import Guide, Request, State, Step
from guided.rng import RandomStreams
from guided.schedule import Schedule


class ClampWithGradient(torch.autograd.Function):
    """Clamping to [-1, 1] whose gradient also passes where it leads back inside."""

    @staticmethod
    def forward(ctx: torch.autograd.function.FunctionCtx, image: Tensor) -> Tensor:
        ctx.save_for_backward(image)
        return image.clamp(-1, 1)

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        (image,) = ctx.saved_tensors
        return grad * (grad * (image - image.clamp(-1, 1)) >= 0)


@dataclass
class CodesGenerator(LatentGenerator):
    """A loaded autoencoder, and the settings of the optimisation of its latents."""

    network: Autoencoder
    rate: Schedule
    momentum: float
    smoothing: float
    average: float
    decay: Schedule
    quantise: bool

    @property
    def network_name(self) -> str:
        return "autoencoder"

    @property
    def less_memory(self) -> str:
        return "generator.checkpointing=true"

    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """Yield the steps of Optimisation.steps."""
        return self._optimisation().steps(
            request, guides, lambda rng: self._begin(request, rng), self.device, saved
        )

    def _optimisation(self) -> Optimisation:
        """Return the optimisation of latents, which stay among the values that codes have."""
        codes = self.network.quantize.codes().float()
        lowest, highest = (
            edge.view(-1, 1, 1) for edge in (codes.min(0).values, codes.max(0).values)
        )
        self.network.checkpointing = self.memory_policy.checkpointing

        def change(latents: Tensor, direction: Tensor, progress: float) -> Tensor:
            rate = self.rate(progress)
            latents = latents * (1 - rate * self.decay(progress)) - rate * direction
            return latents.clamp(lowest, highest)

        return Optimisation(
            self._pictures, change, self.momentum, self.smoothing, self.memory_policy,
            self.average, self._reduce,
        )  # fmt: skip

    def _pictures(self, latents: Tensor) -> Tensor:
        """Return the pictures (B, 3, H, W) in [-1, 1] of latents (B, code, h, w): one by one,
        since the last bits of a picture must not depend on its neighbours."""
        return torch.cat([self._picture(one[None]) for one in latents])

    def _picture(self, latents: Tensor) -> Tensor:
        """Return the picture (1, 3, H, W) of latents (1, code, h, w)."""
        codebook = self.network.quantize
        latents = codebook(latents) if self.quantise else codebook.directed(latents)
        return ClampWithGradient.apply(self.network.decode(latents).float())

    def _shape(self, request: Request) -> tuple[int, ...]:
        """Return the shape (B, code, h, w) of a request's latents."""
        config, (width, height) = self.network.config, request.size
        side = config.divisor
        return len(request.seeds), config.code, height // side, width // side

    def _begin(self, request: Request, rng: RandomStreams) -> Tensor:
        """Return the first latents (B, code, h, w): codes drawn at random, or the init picture's
        latents."""
        shape = self._shape(request)
        codes = self.network.quantize.codes().float()
        if request.init is None:
            drawn = codes[uniform(shape, len(codes), rng).to(codes.device)]
            return drawn.movedim(-1, 1).contiguous()  # as it is read again: rounding depends on it
        inits = request.init.to(self.device)
        latents = torch.cat([self.network.encode(one[None]).float() for one in inits])
        return self.network.quantize.directed(latents).expand(shape).clone()


def uniform(shape: tuple[int, ...], count: int, rng: RandomStreams) -> Tensor:
    """Return whole numbers (B, h, w) from 0 to count - 1, each as likely, by each image's own
    random numbers."""
    drawn = [
        torch.randint(count, shape[2:], generator=one, device=one.device) for one in rng.generators
    ]
    return torch.stack(drawn)
