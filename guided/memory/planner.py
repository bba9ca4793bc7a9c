"""Planning the memory of a guided step before the first one is taken."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import nn

from guided.interfaces import ClipModel, CutoutSettings, Guide, LoadedGenerator, Request
from guided.memory.available import DRIVER, GB, available_memory
from guided.memory.estimate import StepMemory, held, measure_step, size_of
from guided.memory.strategies import MemoryFit
from guided.oom import MemoryPolicy
from guided.schedule import Schedule

# Weights in bytes, pixels and a limit in bytes at which a step fits without being counted.
LITTLE, FEW_PIXELS, ENOUGH = 256 * 2**20, 256 * 256, 4 * GB


@dataclass
class MemoryRequest:
    """The networks and the request of which the memory is planned, and its limit.

    `prepare` makes the guides for given CLIPs. `setting` is `memory=`: "auto", "off" or GB.
    `recompute`: whether the generator may recompute activations in the backward pass."""

    generator: LoadedGenerator
    clips: Mapping[str, ClipModel]
    request: Request
    device: torch.device
    cutouts: CutoutSettings
    prepare: Callable[[Mapping[str, ClipModel]], Mapping[str, Guide]]
    clip_weights: list[Schedule] = field(default_factory=list)
    judges: Mapping[str, ClipModel] = field(default_factory=dict)
    upscaler: nn.Module | None = None
    setting: float | str = "auto"
    recompute: bool = True

    def weights(self) -> dict[str, int]:
        """Return the bytes of weights by network."""
        towers = {id(net): net for net in towers_of([*self.clips.values(), *self.judges.values()])}
        own = {name: size_of(net) for name, net in self.generator.networks().items()}
        clips = sum(map(size_of, towers.values()))
        return {**own, "CLIP": clips, "upscaler": size_of(self.upscaler)}

    def limit(self, weights: int) -> float | None:
        """Return the budget in bytes for weights, `weights` of which are loaded, and steps; None
        if the device cannot tell and `memory=` sets none."""
        most = available_memory(self.device, weights)
        limits = [] if most is None else [most]
        if isinstance(self.setting, int | float):
            limits.append(float(self.setting) * GB - DRIVER[self.device.type])
        return min(limits, default=None)


def plan_memory(job: MemoryRequest, memory_policy: MemoryPolicy) -> str | None:
    """Make the policy fit the available memory. Return a line that reports the plan, or None if
    everything fits without one."""
    if job.setting == "off":
        return None
    weights = job.weights()
    limit = job.limit(sum(weights.values()))
    if limit is None or (job.setting == "auto" and obvious(job, sum(weights.values()), limit)):
        return None
    fitting = MemoryFit(
        StepCounter(job, memory_policy, weights),
        memory_policy,
        limit,
        cuttable=job.cutouts.micro_batch is None,
        recomputing=job.recompute and job.generator.recomputes,
        offloadable=job.device.type != "cpu" and len(job.clips) > 1,
    )
    fitting.fit()
    if memory_policy.offload_clips:
        memory_policy.offload()
    return fitting.line()


def obvious(job: MemoryRequest, weights: int, limit: float) -> bool:
    """Return whether everything fits without being counted."""
    width, height = job.request.size
    pixels = width * height * len(job.request.seeds)
    return weights <= LITTLE and pixels <= FEW_PIXELS and limit >= ENOUGH


class StepCounter:
    """A count of the memory of a step under the policy, on the meta device."""

    def __init__(
        self, job: MemoryRequest, memory_policy: MemoryPolicy, weights: dict[str, int]
    ) -> None:
        self.memory_policy, self.weights = memory_policy, weights
        self.device, self.request = job.device.type, job.request
        clips = {name: clip.on_meta() for name, clip in job.clips.items()}
        self.generator = job.generator.on_meta()
        self.guides = job.prepare(clips)
        towers = towers_of(clips.values())
        self.owned = held(*self.generator.networks().values(), *towers)
        sizes = [size_of(tower) for tower in towers]
        self.offloaded = sum(sizes) - max(sizes, default=0)
        self.moments = moments(job.cutouts, job.clip_weights, self.generator.phase)

    def __call__(self) -> StepMemory:
        """Return the memory of the largest step."""
        step = partial(
            measure_step, self.generator, self.guides, self.request, self.device, self.owned
        )
        need = max(map(step, self.moments), key=lambda need: need.step)
        need.weights = dict(self.weights)
        if self.memory_policy.offload_clips:
            need.weights["CLIP"] -= self.offloaded
        return need


def towers_of(clips: Iterable[ClipModel]) -> list[nn.Module]:
    """Return the networks of CLIPs that are on the device."""
    return [clip.towers() for clip in clips]


def moments(
    cutouts: CutoutSettings, clip_weights: list[Schedule], phase: Callable[[float], Hashable]
) -> list[float]:
    """Return the progress (0..1) of each step that may be the largest: for every combination of
    networks and CLIPs in use, one with most cutouts."""
    most: dict[Hashable, tuple[float, float]] = {}
    for progress in (k / 100 for k in range(100)):
        used = (phase(progress), *(weight(progress) > 0 for weight in clip_weights))
        count = cutouts.overview(progress) + cutouts.inner(progress)
        most[used] = max(most.get(used, (-1, 0)), (count * cutouts.batches(progress), progress))
    return [progress for _, progress in most.values()]
