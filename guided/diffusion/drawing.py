"""Drawing one image: noise, a guided denoiser and a sampler put together.

Knows nothing about CLIP, files or the command line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.diffusion.denoiser import ModelDenoiser, noised
from guided.diffusion.guidance import GuidedDenoiser
from guided.diffusion.noise import Dice, timeline
from guided.diffusion.unet import UNet
from guided.models.cards import ModelCard
from guided.schedule import Schedule
from guided.types import Guide, Request, Sampler, Step


@dataclass
class Drawing:
    """A loaded model, ready to draw requests."""

    unet: UNet
    card: ModelCard
    sampler: Sampler
    clamp: Schedule | None
    reach: Schedule | None
    device: torch.device

    @torch.no_grad()  # as a decorator, it ends wherever the generator yields
    def generate(self, request: Request, guides: Mapping[str, Guide]) -> Iterator[Step]:
        """One Step after each of the request's steps, less those that it skips."""
        card = self.card
        steps = timeline(card.schedule, request.steps, card.spacing)
        dice = Dice([request.seed])
        model = ModelDenoiser(self.unet, steps, card.prediction, card.clip_denoised, dice)
        guided = GuidedDenoiser(model, guides, dice, self.clamp, self.reach)
        start = len(steps) - 1 - request.skip
        x = self._begin(request, dice, model, start)
        yield from self.sampler.sample(guided, x, dice, start)

    def _begin(self, request: Request, dice: Dice, model: ModelDenoiser, start: int) -> Tensor:
        """Pure noise; or the init image under the noise of the first step that is not skipped."""
        width, height = request.size
        x = dice.normal_like(torch.empty(1, 3, height, width, device=self.device))
        if request.init is None and not request.skip:
            return x
        init = torch.zeros_like(x) if request.init is None else request.init.to(x)
        return noised(init, x, *model.timeline.scales(start))
