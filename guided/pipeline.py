"""The loaded models of a plan, and the frames of the pictures that they draw.

Torch and the models are imported when a pipeline is opened.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from weakref import ref

from guided.canvas.seamless import enlarging
from guided.config.plan import Plan
from guided.generators.settings import LoadContext
from guided.guides.comparison import compared
from guided.guides.ranking import score
from guided.interfaces import (
    ClipModel,
    Compare,
    ComparedCutouts,
    Constraint,
    CutoutSampler,
    Frame,
    Guide,
    LoadedGenerator,
    Look,
    PredictsPictures,
    Request,
    Scene,
    State,
)
from guided.models.model_cache import ModelCache
from guided.oom import MemoryPolicy
from guided.prompts.prompt import Prompt, by_region, meant_for

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from guided.canvas.mask import Mask
    from guided.canvas.upscale import Enlarger
    from guided.memory.planner import MemoryRequest


NEXT_SEED = 0x9E3779B9  # between the seeds of a smear that is drawn again


def prepared(plan: Plan, cores: int | None) -> tuple[torch.device, torch.dtype, int | None]:
    """Return the device of a plan, the type of its networks and the threads of the CPU (None if
    another device draws), after setting up torch for them."""
    from guided import devices

    device = devices.find_device(plan.device)
    dtype = devices.find_precision(plan.precision, device)
    devices.set_deterministic(plan.deterministic)
    threads = devices.set_threads(plan.threads or cores)
    devices.keep_freed(device)
    return device, dtype, threads if device.type == "cpu" else None


def generator_of(
    plan: Plan,
    device: torch.device,
    dtype: torch.dtype,
    cache: ModelCache,
    memory_policy: MemoryPolicy,
) -> LoadedGenerator:
    """Return the generator of a plan, with networks from the cache if they are there."""
    return plan.generator.load(
        LoadContext(
            model=plan.model,
            secondary=plan.secondary,
            sampler=plan.sampler,
            device=device,
            dtype=dtype,
            cache=cache,
            memory_policy=memory_policy,
        )
    )


@dataclass
class Pipeline:
    """The loaded models of a plan."""

    generator: LoadedGenerator
    clips: Mapping[str, ClipModel]
    enlarger: Enlarger
    device: str
    precision: str
    judges: Mapping[str, ClipModel] = field(default_factory=dict)  # that only rank
    loaded: ModelCache = field(default_factory=ModelCache)
    memory_policy: MemoryPolicy = field(default_factory=MemoryPolicy)
    threads: int | None = None  # of the CPU; None if another device draws
    memory_report: str | None = None  # how it fits into memory, for people

    @classmethod
    def open(
        cls, plan: Plan, loaded: ModelCache | None = None, cores: int | None = None
    ) -> Pipeline:
        """Return the loaded models of a plan. Those that are in the cache `loaded` are taken from
        there, and the others in it are freed before any new one is loaded. `cores`: the number of
        threads that the run began with, None for this machine's."""
        from guided.canvas.upscale import Enlarger
        from guided.clip import model

        device, dtype, threads = prepared(plan, cores)
        loaded = loaded or ModelCache()
        images = min(plan.batch_size, plan.count)
        facts = str([images, *plan.affecting("memory")])
        known = loaded.memory_policies.get(facts)
        memory_policy = known or MemoryPolicy(
            plan.cutouts.micro_batch, plan.generator.recompute is True
        )
        cards = (*plan.clips.values(), *plan.judges.values())
        loaded.keep_only([*plan.generator_cards, plan.upscaler, *cards])
        generator = generator_of(plan, device, dtype, loaded, memory_policy)
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
        pipeline.threads = threads
        pipeline.fit(plan, known is not None)
        loaded.memory_policies[facts] = memory_policy
        return pipeline

    def drawing_as(self, plan: Plan) -> Pipeline:
        """Return the pipeline with the sampler and the generator's settings of another plan of the
        same models."""
        import torch

        device, dtype = torch.device(self.device), getattr(torch, self.precision)
        generator = generator_of(plan, device, dtype, self.loaded, self.memory_policy)
        return replace(self, generator=generator)

    @property
    def resolved(self) -> dict[str, Any]:
        """Return the settings that were `auto`, as they are here."""
        from guided.devices import processor

        here: dict[str, Any] = {"device": self.device, "precision": self.precision}
        if self.threads is not None:
            here |= {"threads": self.threads, "processor": processor()}
        return here

    def fit(self, plan: Plan, known: bool) -> None:
        """Plan the memory of a step, unless a row with the same models already did (`known`)."""
        self.memory_policy.clips = [ref(clip) for clip in self.clips.values()]
        for clip in self.clips.values():
            if clip.offloaded != self.memory_policy.offload_clips:
                clip.set_offloaded(self.memory_policy.offload_clips)
        if known:
            self.memory_report = None
            return
        from guided.memory.planner import plan_memory

        self.memory_report = plan_memory(self.memory_request(plan), self.memory_policy)

    def memory_request(self, plan: Plan) -> MemoryRequest:
        """Return the request of the memory plan: the images of one batch."""
        import torch

        from guided.memory.planner import MemoryRequest

        seeds = [plan.seed + k for k in range(min(plan.batch_size, plan.count))]

        def prepare(clips: Mapping[str, ClipModel]) -> Mapping[str, Guide]:
            return replace(self, clips=dict(clips), device="meta").asked(plan, seeds)[2]

        return MemoryRequest(
            generator=self.generator,
            clips=self.clips,
            request=Request(plan.size, seeds, plan.steps, rings=plan.rings),
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
        """Return the guides of one image, with its own prompts and its init (1, 3, H, W) in
        [0, 1]."""
        import torch

        weights = {name: card.weight for name, card in plan.clips.items()}
        device = torch.device(self.device)
        scene = Scene(prompts, self.clips, plan.cutouts, device, weights, init)
        scene.memory_policy = self.memory_policy
        scene.mask = None if plan.mask is None else plan.mask.tensor()
        scene.rings = plan.rings
        prepared = {name: guide.prepare(scene) for name, guide in plan.guides.items()}
        return {name: guide for name, guide in prepared.items() if guide is not None}

    def views(self, plan: Plan) -> CutoutSampler:
        """Return a sampler of cutouts like those that the guides see, for outputs."""
        return plan.cutouts.prepare(None if plan.mask is None else plan.mask.tensor())

    def look(self, plan: Plan) -> Look:
        """Return a function that makes cutouts like those that the guides see, for outputs."""
        views = self.views(plan)
        sizes = list(dict.fromkeys(clip.size for clip in self.clips.values()))
        return lambda image, progress, seed: [
            views(image, size, progress, seed).views for size in sizes
        ]

    def compare(self, plan: Plan) -> Compare:
        """Return a function that compares cutouts like those that the guides see with prompts, for
        outputs."""
        views = self.views(plan)

        def compare(
            image: Tensor, prompts: list[Prompt], progress: float, seed: int
        ) -> list[ComparedCutouts]:
            own = {name: meant_for(prompts, name) for name in self.clips}
            return [
                compared(name, clip, views(image, clip.size, progress, seed).views, own[name])
                for name, clip in self.clips.items()
                if own[name]
            ]

        return compare

    def frames(self, plan: Plan) -> Iterator[Frame]:
        """Yield the frames of all images. Image k has seed + k and its own stream of random
        numbers; the frames of one batch alternate, step by step."""
        for first in range(0, plan.count, plan.batch_size):
            last = min(first + plan.batch_size, plan.count)
            yield from self.batch(plan, first, [plan.seed + k for k in range(first, last)])

    def fingerprint(self, plan: Plan, seeds: list[int]) -> str:
        """Return a hash of everything that decides the steps of one batch, whose images have
        these seeds."""
        from guided.devices import kind
        from guided.runs import checkpoint

        chosen = plan.affecting("steps")
        prompts = [plan.prompts_of(seed) for seed in seeds]
        files = {p.region.mask for p in plan.prompts if p.region and p.region.mask}
        needed = [*(p.image for p in plan.prompts if p.image), *sorted(files)]
        shown = {path: Path(path).expanduser().read_bytes() for path in needed}
        facts = [known.facts for known in plan.known]
        values = [known.constraint(plan.size).value for known in plan.known]
        masks = [] if plan.mask is None else [plan.mask.tensor()]
        masks += [] if plan.noise is None else [plan.noise]
        return checkpoint.fingerprint(
            *(chosen, facts, seeds, prompts, shown),
            *(kind(self.device), self.precision, self.threads),
            *inits_of(plan, seeds),
            *values,
            *masks,
        )

    def asked(
        self, plan: Plan, seeds: list[int]
    ) -> tuple[list[list[Prompt]], list[Tensor], dict[str, Guide]]:
        """Return, for the images with these seeds, the prompts and the init picture of each, and
        the guides for all of them together."""
        prompts = [plan.prompts_of(seed) for seed in seeds]
        inits = inits_of(plan, seeds)
        if not inits and all(own == prompts[0] for own in prompts):
            return prompts, inits, self.guides(plan, prompts[0], None)
        each = [
            self.guides(plan, own, inits[b] if inits else None) for b, own in enumerate(prompts)
        ]
        return prompts, inits, together(each)

    def batch(
        self, plan: Plan, first: int, seeds: list[int], saved: State | None = None
    ) -> Iterator[Frame]:
        """Yield the frames of images first, first + 1, ..., one for each seed; with the state of a
        frame, those after it."""
        prompts, inits, guides = self.asked(plan, seeds)
        constraints = [known.constraint(plan.size) for known in plan.known]
        request = Request(plan.size, seeds, plan.steps, skip=plan.skip, constraints=constraints)
        request.rings, request.noise, request.prompts = plan.rings, plan.noise, prompts
        if inits:
            request.init = joined(inits) * 2 - 1
        if any(asked.region for asked in plan.prompts):
            request.regions = [region_boxes(own, plan.size) for own in prompts]
        if plan.mask is not None:
            request.mask = plan.mask.tensor()
        decided = [[asked.text for asked in plan.decided(seed)] for seed in seeds]
        understood = [plan.understood(seed) for seed in seeds]
        began = time.perf_counter()
        for step in self.generator.generate(request, guides, saved):
            seconds = time.perf_counter() - began
            n = request.drawn - step.i
            done = n == request.drawn
            images, doubts = ((step.prediction.unguided + 1) / 2).split(1), [""] * len(seeds)
            if done:
                settled = zip(*map(partial(self.settled, plan), seeds, images), strict=True)
                images, doubts = map(list, settled)
            larger = self.larger(plan, seeds, images) if done and plan.redraw is not None else None
            for b, seed in enumerate(seeds):
                prediction, image = step.prediction.for_image(b), images[b]
                if done and constraints:
                    image = agreeing(image, constraints)
                if done and plan.mask is not None:
                    image = with_matched_colours(image, inits[b], plan.mask)
                if done and plan.finish is not None:
                    image = plan.finish(image)
                looked_at = image
                if plan.mask is not None and not request.regions:  # which are scored one by one
                    looked_at = plan.mask.cropped(image)
                yield Frame(
                    index=first + b,
                    seed=seed,
                    step=n,
                    steps=request.drawn,
                    progress=n / request.drawn,
                    image=image,
                    prediction=prediction,
                    seconds=seconds / len(seeds),
                    prompts=prompts[b],
                    decided=decided[b],
                    understood=understood[b],
                    score=score(looked_at, prompts[b], self.clips, self.judges) if done else None,
                    doubt=doubts[b],
                    larger=None if larger is None else larger[b : b + 1],
                    # Films are rendered once they are drawn: a frame begins with the one before.
                    manner=plan.manner_of(seed) if done and plan.film is None else "",
                    state=None if done or b < len(seeds) - 1 else step.state,
                )
            began = time.perf_counter()

    def settled(self, plan: Plan, seed: int, image: Tensor) -> tuple[Tensor, str]:
        """Return the finished image (1, 3, H, W) in [0, 1] with this seed and the thing that it
        was to show, if it may be a smear; "" for none. A smear is drawn again from other noise, as
        often as the plan says, until the model finds it likely; the likeliest is returned."""
        limit, thing = plan.smear, plan.thing_of(seed)
        generator = self.generator
        if not (limit and thing) or not isinstance(generator, PredictsPictures):
            return image, ""
        error = generator.prediction_error(image * 2 - 1)
        if error > limit and plan.restarts:
            guides = self.guides(plan, plan.prompts_of(seed), None)
        for k in range(1, plan.restarts + 1):
            if error <= limit:
                break
            request = Request(plan.size, [(seed + k * NEXT_SEED) % 2**63], plan.steps)
            request.prompts = [plan.prompts_of(seed)]
            for last in generator.generate(request, guides):
                step = last
            other = step.prediction.unguided
            if (found := generator.prediction_error(other)) < error:
                image, error = (other + 1) / 2, found
        return image, thing if error > limit else ""

    def larger(self, plan: Plan, seeds: list[int], drawn: Sequence[Tensor]) -> Tensor:
        """Return finished images, each (1, 3, H, W) in [0, 1], at `plan.upscale` times their size:
        enlarged, noised again and drawn to the end under the same guides, in windows unless the
        model draws single objects, of which a window would hold a part.

        Meng et al. 2021, "SDEdit", https://arxiv.org/abs/2108.01073, in the manner of "go big"
        scripts for Disco Diffusion."""
        times, share = plan.upscale, plan.redraw
        assert times is not None and share is not None
        enlarge = enlarging(self.enlarger, plan.rings)
        inits = [enlarge(image, times) for image in drawn]
        prompts = [plan.prompts_of(seed) for seed in seeds]
        each = [self.guides(plan, own, inits[b]) for b, own in enumerate(prompts)]
        width, height = (times * side for side in plan.size)
        request = Request((width, height), seeds, plan.steps, joined(inits) * 2 - 1)
        request.skip = plan.steps - max(1, round(share * plan.steps))
        request.rings, request.in_windows = plan.rings, not plan.model.draws_one_object
        request.prompts = prompts
        if any(asked.region for asked in plan.prompts):
            request.regions = [region_boxes(own, request.size) for own in prompts]
        for last in self.generator.generate(request, together(each)):
            step = last
        return (step.prediction.unguided + 1) / 2


def region_boxes(prompts: list[Prompt], size: tuple[int, int]) -> list[tuple[int, int, int, int]]:
    """Return the boxes, in pixels of a picture of `size`, of the regions that prompts have."""
    from guided.cutouts.region_views import RegionView

    return [RegionView.of(region, size).box for region in by_region(prompts) if region]


def together(each: list[dict[str, Guide]]) -> dict[str, Guide]:
    """Return guides for several images together, made of the guides of each."""
    from guided.guides.base import GuidePerImage, Idle

    names = dict.fromkeys(name for guides in each for name in guides)
    return {name: GuidePerImage([own.get(name, Idle()) for own in each]) for name in names}


def agreeing(image: Tensor, constraints: Sequence[Constraint]) -> Tensor:
    """Return the finished image (B, 3, H, W) in [0, 1] so that what is saved meets constraints."""
    from guided.diffusion.null_space import within

    return (within(image * 2 - 1, constraints) + 1) / 2


def with_matched_colours(image: Tensor, init: Tensor, mask: Mask) -> Tensor:
    """Return the finished image (1, 3, H, W) with the colours of the part drawn anew matched to
    the init picture along their border."""
    from guided.canvas.seams import matched

    return matched(image, init.to(image), mask.tensor().to(image))


def inits_of(plan: Plan, seeds: list[int]) -> list[Tensor]:
    """Return the init picture of each image on the canvas; an empty list if there is none."""
    each = [plan.init_of(seed) for seed in seeds]
    return [init for init in each if init is not None]


def joined(images: list[Tensor]) -> Tensor:
    import torch

    return torch.cat(images)
