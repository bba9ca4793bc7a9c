"""Optimisation of a StyleGAN2's latents under guides.

Patashnik et al. 2021, "StyleCLIP", section 4, https://arxiv.org/abs/2103.17249
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.oom_retry import repeated
from guided.generators.optimisation import LatentGenerator, Optimisation
from guided.generators.stylegan.network import StyleGAN2
from guided.interfaces import Guide, Request, State, Step
from guided.rng import RandomStreams
from guided.schedule import Schedule


@dataclass
class StyleganGenerator(LatentGenerator):
    """A loaded StyleGAN2, and the settings of the optimisation of its latents."""

    network: StyleGAN2
    each_layer: bool  # has a latent of its own
    rate: Schedule
    momentum: float
    smoothing: float
    pull: Schedule
    truncation: float
    candidates: int

    @property
    def network_name(self) -> str:
        return "StyleGAN2"

    @property
    def less_memory(self) -> str:
        return "activations computed again for the gradient"

    def generate(
        self, request: Request, guides: Mapping[str, Guide], saved: State | None = None
    ) -> Iterator[Step]:
        """Yield the steps of Optimisation.steps."""

        def begin(rng: RandomStreams) -> Tensor:
            if saved is not None:  # they are in it
                return torch.zeros(self._shape(request), device=self.device)
            return self._begin(request, guides, rng)

        return self._optimisation().steps(request, guides, begin, self.device, saved)

    def _optimisation(self) -> Optimisation:
        """Return the optimisation of latents (B, layers, width)."""
        mean = self.network.mapping.w_avg
        self.network.checkpointing = self.memory_policy.checkpointing

        def change(latents: Tensor, direction: Tensor, progress: float) -> Tensor:
            latents = latents + self.pull(progress) * (mean - latents)
            return latents - self.rate(progress) * direction

        return Optimisation(
            self._pictures,
            change,
            self.momentum,
            self.smoothing,
            self.memory_policy,
            reduce=self._reduce,
        )

    def _pictures(self, latents: Tensor) -> Tensor:
        """Return the pictures (B, 3, S, S), nominally in [-1, 1], of latents (B, layers, width):
        one by one, since the last bits of a picture must not depend on its neighbours."""
        return torch.cat([self.network(one[None]) for one in latents])

    def _shape(self, request: Request) -> tuple[int, ...]:
        """Return the shape (B, layers, width) of a request's latents."""
        config = self.network.config
        return len(request.seeds), config.styles if self.each_layer else 1, config.width

    def _begin(self, request: Request, guides: Mapping[str, Guide], rng: RandomStreams) -> Tensor:
        """Return the first latents (B, layers, width): of several at random, those of the least
        loss."""
        best = self._at_random(len(request.seeds), rng)
        if self.candidates > 1:
            least = self._loss(best, guides, rng)
        for _ in range(1, self.candidates):
            other = self._at_random(len(request.seeds), rng)
            loss = self._loss(other, guides, rng)
            better = loss < least
            best = torch.where(better[:, None, None], other, best)
            least = torch.where(better, loss, least)
        return best.expand(self._shape(request)).clone()

    def _at_random(self, images: int, rng: RandomStreams) -> Tensor:
        """Return latents (B, 1, width) at random."""
        mapping = self.network.mapping
        shape = (images, self.network.config.latent)
        z = rng.normal_like(torch.empty(shape, device=self.device))
        latents = torch.stack([mapping(one[None]) for one in z])
        return mapping.w_avg + self.truncation * (latents - mapping.w_avg)

    def _loss(self, latents: Tensor, guides: Mapping[str, Guide], rng: RandomStreams) -> Tensor:
        """Return the sum of the guides' losses (B,) of latents (B, 1, width)."""

        def work() -> Tensor:
            seen = (self._pictures(latents) + 1) / 2
            losses = [guide(seen, 0.0, rng).loss.detach() for guide in guides.values()]
            return sum(losses, torch.zeros(len(latents), device=self.device))

        side = self.network.config.image_size
        return repeated(
            work,
            rng,
            lambda: self.memory_policy.offload_from(self.device),
            (len(latents), 3, side, side),
        )
