"""Counts the kernel launches of a guided step: python -m benchmarks.launches [case=1280x768]

The step is taken on the meta device with the functions of a CUDA GPU, without weights and without
a GPU. Counted are the operators on tensors of the device that compute, copy or fill, forward and
backward; views and allocations launch nothing. An operator may launch several kernels, so that a
profiler on a GPU finds more.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_iter

from benchmarks.cases import ALL, Case
from benchmarks.memory import clip, clip_guide, generator
from benchmarks.parts import parts
from guided.cutouts.settings import DiscoCutouts
from guided.errors import BadInput, not_one_of
from guided.generators.diffusion.generator import DiffusionGenerator
from guided.interfaces import Guide, Request
from guided.memory.allocations import AllocationCounter
from guided.memory.estimate import StepMeter
from guided.memory.meta_kernels import kernels
from guided.training.common.settings import main

ALLOCATIONS = re.compile(r"aten::(new_)?empty|aten::_unsafe_view|aten::lift_fresh")
PROGRESS = 0.5


class LaunchCounter(AllocationCounter):
    """A dispatch mode that counts the operators that launch kernels on a kind of device."""

    def __init__(self, device: str) -> None:
        super().__init__()
        self.device = device
        self.launches: Counter[str] = Counter()  # by operator

    def __torch_dispatch__(
        self, op: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = super().__torch_dispatch__(op, types, args, kwargs)
        here = any(isinstance(x, Tensor) and x.device.type == self.device for x in tree_iter(out))
        if here and not op.is_view and not ALLOCATIONS.match(op.name()):
            self.launches[op.name()] += 1
        return out


def counted(work: Callable[[], Any], device: str) -> Counter[str]:
    """Return how often a call launches each operator on a kind of device."""
    with LaunchCounter(device) as counter:
        work()
    return counter.launches


def on_meta(case: Case) -> tuple[DiffusionGenerator, dict[str, Guide], Request]:
    """Return the networks, guides and request of a case on the meta device."""
    clips = {name: clip(name) for name in case.clips}
    guides = clip_guide(clips, DiscoCutouts(batches=case.batches))
    return generator(case), guides, Request(case.size, [0], case.steps)


def step_launches(
    generator: DiffusionGenerator, guides: Mapping[str, Guide], request: Request
) -> dict[str, Counter[str]]:
    """Return the launches of a guided step on the meta device as on a CUDA GPU, by part of the
    step; "step" is all of it except the sampler's own arithmetic."""
    meter = StepMeter("cuda", ())
    meter.counter = counter = LaunchCounter("meta")
    with kernels("cuda"):
        with counter:
            generator.trace_step(guides, request, PROGRESS, meter)
        each = {
            name: counted(work, "meta") for name, work in parts(generator, guides, request).items()
        }
    return {**each, "step": counter.launches}


@dataclass
class Settings:
    case: str = "1280x768"  # a name in benchmarks/cases.py

    def check(self) -> None:
        """Raise BadInput for an unknown case."""
        if self.case not in ALL:
            raise BadInput(not_one_of("case", self.case, ALL))


def report(settings: Settings) -> None:
    """Print the launches of each part, and those of its most frequent operators."""
    settings.check()
    for name, launches in step_launches(*on_meta(ALL[settings.case])).items():
        most = ", ".join(f"{op.removeprefix('aten::')} {n}" for op, n in launches.most_common(6))
        print(f"{name:<10} {launches.total():6}  {most}")


if __name__ == "__main__":
    torch.set_num_threads(1)
    main(Settings, report)
