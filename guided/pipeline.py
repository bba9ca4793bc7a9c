"""The loaded models of a plan, and the frames of the pictures that they draw.

Torch and the models are imported when a studio is opened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import ref

from guided.config.plan import Plan
from guided.generators.settings import LoadContext
from guided.guides.ranking import score
from guided.interfaces import (
    ClipModel,
    Frame,
    Guide,
    LoadedGenerator,
    Look,
    Request,
    Scene,
    State,
)
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.prompts.prompt import Prompt

if TYPE_CHECKING:
    from torch import Tensor

    from guided.canvas.upscale import Enlarger
    from guided.clip.model import Clip
    from guided.memory.planner import MemoryRequest


@dataclass
class Pipeline:
    """The loaded models of a plan."""

    generator: LoadedGenerator
    clips: dict[str, Clip]
    enlarger: Enlarger
    device: str
    precision: str
    judges: dict[str, Clip] = field(default_factory=dict)  # that only rank
    loaded: ModelCache = field(default_factory=ModelCache)
    memory_policy: MemoryPolicy = field(default_factory=MemoryPolicy)
    said: str | None = None  # how it fits into memory, for people

    @classmethod
    def open(cls, plan: Plan, loaded: ModelCache | None = None) -> Pipeline:
        """`loaded`: the models of the plan before this one. Those that this one needs are taken
        from there; the others are let go before any new one is loaded."""
        from guided.canvas.upscale import Enlarger
        from guided.clip import model
        from guided.devices import find_device, find_precision, keep_freed, set_deterministic

        device = find_device(plan.device)
        dtype = find_precision(plan.precision, device)
        set_deterministic(plan.deterministic)
        keep_freed(device)
        loaded = loaded or ModelCache()
        images = min(plan.batch_size, plan.count)
        facts = str([images, *plan.affecting("memory")])
        known = loaded.memory_policies.get(facts)
        memory_policy = known or MemoryPolicy(
            plan.cutouts.micro_batch, plan.generator.recompute is True
        )
        cards = (*plan.clips.values(), *plan.judges.values())
        loaded.keep_only([*plan.generator_cards, plan.upscaler, *cards])
        generator = plan.generator.load(
            LoadContext(
                model=plan.model,
                secondary=plan.secondary,
                sampler=plan.sampler,
                device=device,
                dtype=dtype,
                cache=loaded,
                memory_policy=memory_policy,
            )
        )
        clips, judges = (
            {
                name: loaded.get(model.load, card, device, dtype, plan.deterministic)
                for name, card in cards.items()
            }
            for cards in (plan.clips, plan.judges)
        )
        enlarger = loaded.get(Enlarger.load, plan.upscaler, device)
        precision = str(dtype).removeprefix("torch.")
        pipeline = cls(
            generator, clips, enlarger, str(device), precision, judges, loaded, memory_policy
        )
        pipeline.fit(plan, known is not None)
        loaded.memory_policies[facts] = memory_policy
        return pipeline

    def fit(self, plan: Plan, known: bool) -> None:
        """Plan the memory of a step, unless a row with the same models already did (`known`)."""
        self.memory_policy.clips = [ref(clip) for clip in self.clips.values()]
        for clip in self.clips.values():
            if clip.waits != self.memory_policy.offload_clips:
                clip.wait(self.memory_policy.offload_clips)
        if known:
            self.said = None
            return
        from guided.memory.planner import plan_memory

        self.said = plan_memory(self.memory_request(plan), self.memory_policy)

    def memory_request(self, plan: Plan) -> MemoryRequest:
        """Return what the memory plan is made for: the images of one batch."""
        import torch

        from guided.memory.planner import MemoryRequest

        seeds = [plan.seed + k for k in range(min(plan.batch_size, plan.count))]

        def prepare(clips: Mapping[str, ClipModel]) -> Mapping[str, Guide]:
            return replace(self, clips=dict(clips), device="meta").asked(plan, seeds)[2]

        return MemoryRequest(
            generator=self.generator,
            clips=self.clips,
            request=Request(plan.size, seeds, plan.steps),
            device=torch.device(self.device),
            cutouts=plan.cutouts,
            prepare=prepare,
            clip_weights=[card.weight for card in plan.clips.values()],
            judges=self.judges,
            upscaler=self.enlarger.upscaler,
            setting=plan.memory,
            recompute=plan.generator.recompute is None,
        )

    def guides(self, plan: Plan, prompts: list[Prompt], init: Tensor | None) -> dict[str, Guide]:
        """For one image, because each draws its own wildcards and has its own init."""
        import torch

        weights = {name: card.weight for name, card in plan.clips.items()}
        device = torch.device(self.device)
        scene = Scene(prompts, self.clips, plan.cutouts, device, weights, init, self.memory_policy)
        return {name: guide.prepare(scene) for name, guide in plan.guides.items()}

    def look(self, plan: Plan) -> Look:
        """Cutouts like those that the guides look at, for people to look at."""
        views = plan.cutouts.prepare()
        sizes = list(dict.fromkeys(clip.size for clip in self.clips.values()))
        return lambda image, progress, seed: [
            views(image, size, progress, seed).views for size in sizes
        ]

    def frames(self, plan: Plan) -> Iterator[Frame]:
        """Image k has seed + k and a stream of random numbers of its own. Images that are drawn
        together take turns, step by step."""
        for first in range(0, plan.count, plan.batch_size):
            last = min(first + plan.batch_size, plan.count)
            yield from self.batch(plan, first, [plan.seed + k for k in range(first, last)])

    def fingerprint(self, plan: Plan, seeds: list[int]) -> str:
        """Of the images with these seeds, drawn together: every step of theirs follows from it."""
        from guided.devices import kind
        from guided.runs import checkpoint

        chosen = plan.affecting("steps")
        prompts = [plan.prompts_of(seed) for seed in seeds]
        shown = {p.image: Path(p.image).read_bytes() for p in plan.prompts if p.image}
        inits = [plan.init.image(plan.size, seed) for seed in seeds] if plan.init else []
        return checkpoint.fingerprint(
            chosen, seeds, prompts, shown, kind(self.device), self.precision, *inits
        )

    def asked(
        self, plan: Plan, seeds: list[int]
    ) -> tuple[list[list[Prompt]], list[Tensor | None], dict[str, Guide]]:
        """Of the images with these seeds, drawn together: what each should show, what each starts
        from, and the guides for all of them."""
        prompts = [plan.prompts_of(seed) for seed in seeds]
        inits = [plan.init and plan.init.image(plan.size, seed) for seed in seeds]
        if plan.init is None and all(asked == prompts[0] for asked in prompts):
            return prompts, inits, self.guides(plan, prompts[0], None)
        each = zip(prompts, inits, strict=True)
        return prompts, inits, together([self.guides(plan, *asked) for asked in each])

    def batch(
        self, plan: Plan, first: int, seeds: list[int], saved: State | None = None
    ) -> Iterator[Frame]:
        """The frames of images first, first + 1, ...; with the state of a frame, those after."""
        prompts, inits, guides = self.asked(plan, seeds)
        request = Request(plan.size, seeds, plan.steps, skip=plan.skip)
        if plan.init is not None:
            request.init = joined(inits) * 2 - 1
        began = time.perf_counter()
        for step in self.generator.generate(request, guides, saved):
            seconds = time.perf_counter() - began
            n = request.drawn - step.i
            done = n == request.drawn
            for b, seed in enumerate(seeds):
                guess = step.prediction.for_image(b)
                image = (guess.unguided + 1) / 2
                yield Frame(
                    index=first + b,
                    seed=seed,
                    step=n,
                    steps=request.drawn,
                    progress=n / request.drawn,
                    image=image,
                    prediction=guess,
                    seconds=seconds / len(seeds),
                    prompts=prompts[b],
                    decided=[asked.text for asked in plan.decided(seed)],
                    score=score(image, prompts[b], self.clips, self.judges) if done else None,
                    state=None if done or b < len(seeds) - 1 else step.state,
                )
            began = time.perf_counter()


def together(each: list[dict[str, Guide]]) -> dict[str, Guide]:
    """The guides of images that are drawn together."""
    from guided.guides.base import GuidePerImage

    return {name: GuidePerImage([guides[name] for guides in each]) for name in each[0]}


def joined(images: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(images)
