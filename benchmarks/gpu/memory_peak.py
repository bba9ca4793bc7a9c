"""The planned memory of a guided step (guided/memory) against the measured peak."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from benchmarks.gpu.bench import Bench, Row
from benchmarks.memory import clip_guide
from benchmarks.sides import ours
from guided.cutouts.settings import DiscoCutouts
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.guides.clip_loss import ClipSimilarity
from guided.interfaces import Guide, Request
from guided.memory.allocations import AllocationCounter
from guided.memory.estimate import StepMemory, held
from guided.memory.planner import MemoryRequest, StepCounter
from guided.oom import MemoryPolicy

TOLERANCE = 0.15
CONFIGURATIONS = (  # case, micro_batch, checkpointing
    ("512", None, False),
    ("1280x768", None, False),
    ("1280x768", 16, False),
    ("512-through-unet", None, False),
    ("1280x768-through-unet", None, False),
    ("1280x768-through-unet", 16, True),
)
TINY = (("tiny", None, False), ("tiny", 2, True))


def rows(bench: Bench) -> Iterator[Row]:
    """Yield the plan and the measured peak of each configuration."""
    for name, micro_batch, checkpointing in TINY if bench.tiny else CONFIGURATIONS:
        bench.free()
        case, policy = bench.case(name), MemoryPolicy(micro_batch, checkpointing)
        cutouts = bench.cutouts(case, micro_batch)
        generator, guides, request = ours(bench.weights(case), case, cutouts)
        generator = replace(generator, memory_policy=policy)
        clip = guides["clip"]
        assert isinstance(clip, ClipSimilarity)
        clip.memory_policy = policy
        plan = planned(generator, clip, request, cutouts)
        peak = measured(generator, guides, request, plan.weights)
        yield {
            "case": name,
            "micro_batch": micro_batch or "all",
            "checkpointing": checkpointing,
            "planned MB": plan.total / 2**20,
            "measured MB": peak / 2**20,
            "planned / measured": plan.total / peak,
            "ok": abs(plan.total / peak - 1) <= TOLERANCE,
        }


def planned(
    generator: DiffusionGenerator, clip: ClipSimilarity, request: Request, cutouts: DiscoCutouts
) -> StepMemory:
    """Return the memory of the largest step, as the program plans it."""
    policy = generator.memory_policy
    job = MemoryRequest(
        generator=generator,
        clips={str(k): target.clip for k, target in enumerate(clip.targets)},
        request=request,
        device=generator.device,
        cutouts=cutouts,
        prepare=lambda clips: clip_guide(clips, cutouts, policy),
    )
    return StepCounter(job, policy, job.weights())()


def measured(
    generator: DiffusionGenerator,
    guides: dict[str, Guide],
    request: Request,
    weights: dict[str, int],
) -> int:
    """Return the most bytes that two steps hold, with the weights: torch's own count on a GPU; on
    a CPU that of all tensors."""
    steps = generator.generate(request, guides)
    if generator.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(generator.device)
        for _ in range(2):
            next(steps)
        peak = torch.cuda.max_memory_allocated(generator.device)
    else:
        clip = guides["clip"]
        assert isinstance(clip, ClipSimilarity)
        towers = [target.clip.towers() for target in clip.targets]
        owned = held(*generator.networks().values(), *towers)
        with AllocationCounter(owned, reordering=True) as counter:
            for _ in range(2):
                next(steps)
        peak = counter.peak + sum(weights.values())
    return peak
