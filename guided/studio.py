"""The loaded models of a plan, and the frames of the pictures that they draw.

Torch and the models are imported when a studio is opened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guided.plan import Plan
from guided.prompt import Prompt
from guided.ranking import score
from guided.types import Frame, Guide, Look, Request, Scene

if TYPE_CHECKING:
    from torch import Tensor

    from guided.clip import Clip


@dataclass
class Studio:
    """The loaded models of a plan."""

    generator: Any
    clips: dict[str, Clip]
    enlarger: Any
    device: str
    precision: str
    judges: dict[str, Clip] = field(default_factory=dict)  # that only rank

    @classmethod
    def open(cls, plan: Plan) -> Studio:
        from guided import clip
        from guided.canvas.enlarge import Enlarger
        from guided.devices import find_device, find_precision

        device = find_device(plan.device)
        dtype = find_precision(plan.precision, device)
        generator = plan.generator.load(plan.model, plan.secondary, plan.sampler, device, dtype)
        clips, judges = (
            {name: clip.load(card, device, dtype) for name, card in cards.items()}
            for cards in (plan.clips, plan.judges)
        )
        enlarger = Enlarger.load(plan.model.upscaler, device)
        precision = str(dtype).removeprefix("torch.")
        return cls(generator, clips, enlarger, str(device), precision, judges)

    def guides(self, plan: Plan, prompts: list[Prompt], init: Tensor | None) -> dict[str, Guide]:
        """For one image, because each draws its own wildcards and has its own init."""
        import torch

        weights = {name: card.weight for name, card in plan.clips.items()}
        device = torch.device(self.device)
        scene = Scene(prompts, self.clips, plan.cutouts, device, weights, init)
        return {name: guide.prepare(scene) for name, guide in plan.guides.items()}

    def look(self, plan: Plan) -> Look:
        """Cutouts like those that the guides look at, for people to look at."""
        views = plan.cutouts.prepare()
        sizes = list(dict.fromkeys(clip.size for clip in self.clips.values()))
        return lambda image, progress, seed: [views(image, s, progress, seed) for s in sizes]

    def frames(self, plan: Plan) -> Iterator[Frame]:
        """Image k has seed + k and a stream of random numbers of its own."""
        for k in range(plan.count):
            request = Request(plan.size, plan.seed + k, plan.steps, skip=plan.skip)
            prompts = plan.prompts_of(request.seed)
            init = None if plan.init is None else plan.init.image(plan.size, request.seed)
            guides = self.guides(plan, prompts, init)
            if init is not None:
                request.init = init * 2 - 1
            began = time.perf_counter()
            for n, step in enumerate(self.generator.generate(request, guides), 1):
                now = time.perf_counter()
                image = (step.guess.plain + 1) / 2
                last = n == request.drawn
                yield Frame(
                    index=k,
                    seed=request.seed,
                    step=n,
                    steps=request.drawn,
                    progress=n / request.drawn,
                    image=image,
                    guess=step.guess,
                    seconds=now - began,
                    prompts=prompts,
                    score=score(image, prompts, self.judges or self.clips) if last else None,
                )
                began = time.perf_counter()
