"""Making a step fit into the memory there is, before it is taken: how many cutouts go through CLIP
at once, whether the U-Net keeps what it needs on the way back, and where CLIPs wait.

What the user has set stays. Each way costs time, so the first that is enough is taken, and where
all fits at once none. Knows nothing about how much a network needs: need.py walks it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from guided.memory.available import GB
from guided.memory.estimate import StepMemory
from guided.oom import LESS, MemoryPolicy

SPARE = 0.12  # of a step's bytes: what kernels take for themselves, and what lies in between
FEW = 8  # fewer cutouts at once keep a GPU waiting; then the U-Net rather computes again
HINT = f"more than there is, even in the smallest pieces; {LESS}"


@dataclass
class Strategy:
    """One way to cut a step, and the most cutouts at once that then fit; 0: not even one."""

    checkpointing: bool
    offload_clips: bool
    most: int = 0
    need: StepMemory = field(default_factory=StepMemory)  # with as many, or one


@dataclass
class MemoryFit:
    """`walk` counts a step as `thrift` then cuts it; `limit` is for weights and steps, in bytes.
    `cuttable`: may the number of cutouts at once be chosen? `recomputing`: may the U-Net keep
    less? `waiting`: is there a CPU beside the device, for CLIPs to wait on?"""

    walk: Callable[[], StepMemory]
    memory_policy: MemoryPolicy
    limit: float
    cuttable: bool = True
    recomputing: bool = True
    waiting: bool = True
    need: StepMemory = field(default_factory=StepMemory)
    fits: bool = True

    def fit(self) -> None:
        """Settle `thrift`, `need` and whether it fits."""
        first = Strategy(self.memory_policy.checkpointing, self.memory_policy.offload_clips)
        ways = [first]
        if self.recomputing and not first.checkpointing:
            ways.append(Strategy(True, first.offload_clips))
        if self.waiting and not first.offload_clips:
            ways += [Strategy(way.checkpointing, True) for way in ways]
        for way in ways:
            self._try(way)
            if way.most >= min(FEW, self.memory_policy.views):
                break
        else:
            way = max(ways, key=lambda way: way.most)  # the first of the best
        self._take(way)
        self.fits, self.need = way.most > 0, way.need
        if self.cuttable and way.most < self.memory_policy.views:
            self.memory_policy.micro_batch = even(self.memory_policy.views, max(way.most, 1))

    def _try(self, way: Strategy) -> None:
        self._take(way)
        way.need = need = self.walk()
        views = self.memory_policy.views
        if self._left(need) >= 0:
            way.most = views
        if way.most or not self.cuttable or views == 1:
            return
        # What guides need grows evenly with the cutouts: two counts say how much for each, and
        # what they need for none.
        self.memory_policy.micro_batch = half = -(-views // 2)
        halved = self.walk()
        self.memory_policy.micro_batch = None
        each = (need.guides - halved.guides) / (views - half)
        none = halved.guides - half * each
        if self._left(replace(need, guides=0)) >= 0:
            room = (self.limit - sum(need.weights.values())) / (1 + SPARE)
            fitting = int((room - need.images - need.kept - none) / each) if each > 0 else 0
            way.most = min(max(fitting, 0), views)
        way.need = replace(need, guides=round(none + each * even(views, max(way.most, 1))))

    def _take(self, way: Strategy) -> None:
        self.memory_policy.checkpointing, self.memory_policy.offload_clips = (
            way.checkpointing,
            way.offload_clips,
        )

    def _left(self, need: StepMemory) -> float:
        return self.limit - sum(need.weights.values()) - need.step * (1 + SPARE)

    def line(self) -> str:
        """As one reads it before the first step."""
        need = self.need
        parts = [f"{name} {gb(size)}" for name, size in need.weights.items() if size > GB / 100]
        parts += [f"way back {gb(need.kept)}"] if need.kept > 2 * need.images else []
        parts += [f"cutouts {gb(need.guides)}"] if need.guides > GB / 100 else []
        cut = self.memory_policy.chunk_size(self.memory_policy.views)
        chosen = [f"cutouts.micro_batch={cut}"] if cut < self.memory_policy.views else []
        chosen += ["generator.checkpointing=true"] if self.memory_policy.checkpointing else []
        chosen += ["CLIPs one after another"] if self.memory_policy.offload_clips else []
        text = f"memory: {gb(need.total)} of {gb(self.limit)} GB: {', '.join(parts)}"
        text += f" ({', '.join(chosen)})" if chosen else ""
        return text if self.fits else f"{text}; {HINT}"


def even(views: int, most: int) -> int:
    """At most so many at once, in parts of about the same size."""
    return -(-views // -(-views // most))


def gb(size: float) -> str:
    return f"{size / GB:.1f}" if size >= GB else f"{size / GB:.2f}"
