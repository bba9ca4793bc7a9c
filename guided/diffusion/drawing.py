"""Drawing images: noise, a guided denoiser and a sampler put together.

Knows nothing about CLIP, files or the command line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from guided.diffusion.denoiser import ModelDenoiser, noised
from guided.diffusion.guidance import GuidedDenoiser, auto_clamp
from guided.diffusion.noise import Dice, timeline
from guided.diffusion.sight import Sight
from guided.diffusion.symmetry import Mirror
from guided.diffusion.unet import UNet
from guided.models.cards import ModelCard
from guided.schedule import AUTO, Schedule, schedule
from guided.types import Guide, Request, Sampler, Step


@dataclass
class Drawing:
    """A loaded model, ready to draw requests."""

    unet: UNet
    card: ModelCard
    sampler: Sampler
    clamp: Schedule | str | None  # or auto
    reach: Schedule | None
    device: torch.device
    sight: Sight = field(default_factory=Sight)
    mirror: Mirror = field(default_factory=Mirror)

    @torch.no_grad()  # as a decorator, it ends wherever the generator yields
    def generate(self, request: Request, guides: Mapping[str, Guide]) -> Iterator[Step]:
        """One Step after each of the request's steps, less those that it skips."""
        card = self.card
        steps = timeline(card.schedule, request.steps, card.spacing)
        dice = Dice(request.seeds)
        model = ModelDenoiser(self.unet, steps, card.prediction, card.clip_denoised, dice)
        clamp = self._clamp(request.steps)
        guided = GuidedDenoiser(model, guides, dice, clamp, self.reach, self.sight)
        start = len(steps) - 1 - request.skip
        x = self._begin(request, dice, model, start)
        yield from self._walk(guided, x, dice, start)

    def _walk(self, denoiser: GuidedDenoiser, x: Tensor, dice: Dice, start: int) -> Iterator[Step]:
        """The sampler's walk, begun anew wherever x is mirrored: what a sampler remembers of the
        steps before belongs to another image."""
        mirrored = self.mirror.positions(denoiser.timeline, start)
        at = start
        while at >= 0:
            x = self.mirror(x) if at in mirrored else x
            for step in self.sampler.sample(denoiser, x, dice, at):
                yield step
                at, x = step.i - 1, step.x
                if at in mirrored:
                    break

    def _clamp(self, steps: int) -> Schedule | None:
        if self.clamp == AUTO:
            return schedule("clamp", auto_clamp(steps, self.sight.secondary is not None))
        return self.clamp

    def _begin(self, request: Request, dice: Dice, model: ModelDenoiser, start: int) -> Tensor:
        """Pure noise; or the init image under the noise of the first step that is not skipped."""
        width, height = request.size
        x = dice.normal_like(torch.empty(len(request.seeds), 3, height, width, device=self.device))
        if request.init is None and not request.skip:
            return x
        init = torch.zeros_like(x) if request.init is None else request.init.to(x).expand_as(x)
        return noised(init, x, *model.timeline.scales(start))
