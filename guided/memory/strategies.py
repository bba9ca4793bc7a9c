"""Choosing a memory policy with which a step fits: the cutouts through a CLIP at once, gradient
checkpointing in the U-Net, and offloading CLIPs to the CPU.

Settings of the user stay. Each strategy costs time, so that the first that fits is chosen, or none
if the whole step fits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from guided.memory.available import GB
from guided.memory.estimate import StepMemory
from guided.oom import LESS, MemoryPolicy

SPARE = 0.12  # share of a step's bytes for kernels' workspace and fragmentation
FEW = 8  # fewer cutouts at once leave a GPU idle; checkpointing is then faster
HINT = f"more than there is, even in the smallest pieces; {LESS}"


@dataclass
class Strategy:
    """A way to save memory, and the most cutouts at once that fit with it; 0: not even one."""

    checkpointing: bool
    offload_clips: bool
    most: int = 0
    need: StepMemory = field(default_factory=StepMemory)  # with that many cutouts, at least one


@dataclass
class MemoryFit:
    """The search for a policy that fits. `count` returns the memory of a step under the present
    policy; `limit` is the budget for weights and a step, in bytes.

    `cuttable`: the number of cutouts at once may be chosen. `recomputing`: the U-Net may use
    gradient checkpointing. `offloadable`: CLIPs may be offloaded."""

    count: Callable[[], StepMemory]
    policy: MemoryPolicy
    limit: float
    cuttable: bool = True
    recomputing: bool = True
    offloadable: bool = True
    need: StepMemory = field(default_factory=StepMemory)
    fits: bool = True

    def fit(self) -> None:
        """Set the policy, `need` and `fits`."""
        first = Strategy(self.policy.checkpointing, self.policy.offload_clips)
        strategies = [first]
        if self.recomputing and not first.checkpointing:
            strategies.append(Strategy(True, first.offload_clips))
        if self.offloadable and not first.offload_clips:
            strategies += [Strategy(strategy.checkpointing, True) for strategy in strategies]
        for strategy in strategies:
            self._try(strategy)
            if strategy.most >= min(FEW, self.policy.most_views):
                break
        else:
            strategy = max(strategies, key=lambda strategy: strategy.most)  # the first of the best
        self._apply(strategy)
        self.fits, self.need = strategy.most > 0, strategy.need
        if self.cuttable and strategy.most < self.policy.most_views:
            self.policy.micro_batch = even(self.policy.most_views, max(strategy.most, 1))

    def _try(self, strategy: Strategy) -> None:
        """Count a step with this strategy, and set `need` and `most` of it."""
        self._apply(strategy)
        strategy.need = need = self.count()
        views = self.policy.most_views
        if self._left(need) >= 0:
            strategy.most = views
        if strategy.most or not self.cuttable or views == 1:
            return
        # The guides' memory is linear in the number of cutouts: two counts give the slope and
        # the intercept.
        self.policy.micro_batch = half = -(-views // 2)
        halved = self.count()
        self.policy.micro_batch = None
        each = (need.guides - halved.guides) / (views - half)
        none = halved.guides - half * each
        if self._left(replace(need, guides=0)) >= 0:
            budget = (self.limit - sum(need.weights.values())) / (1 + SPARE)
            fitting = (
                int((budget - need.images - need.activations - none) / each) if each > 0 else 0
            )
            strategy.most = min(max(fitting, 0), views)
        strategy.need = replace(
            need, guides=round(none + each * even(views, max(strategy.most, 1)))
        )

    def _apply(self, strategy: Strategy) -> None:
        self.policy.checkpointing = strategy.checkpointing
        self.policy.offload_clips = strategy.offload_clips

    def _left(self, need: StepMemory) -> float:
        """Return the bytes of the budget that are left."""
        return self.limit - sum(need.weights.values()) - need.step * (1 + SPARE)

    def line(self) -> str:
        """Return the line that reports the plan before the first step."""
        need = self.need
        parts = [f"{name} {gb(size)}" for name, size in need.weights.items() if size > GB / 100]
        parts += (
            [f"activations {gb(need.activations)}"] if need.activations > 2 * need.images else []
        )
        parts += [f"cutouts {gb(need.guides)}"] if need.guides > GB / 100 else []
        cut = self.policy.chunk_size(self.policy.most_views)
        chosen = [f"cutouts.micro_batch={cut}"] if cut < self.policy.most_views else []
        chosen += ["generator.checkpointing=true"] if self.policy.checkpointing else []
        chosen += ["CLIPs on the CPU while not in use"] if self.policy.offload_clips else []
        text = f"memory: {gb(need.total)} of {gb(self.limit)} GB: {', '.join(parts)}"
        text += f" ({', '.join(chosen)})" if chosen else ""
        return text if self.fits else f"{text}; {HINT}"


def even(views: int, most: int) -> int:
    """Return the chunk size, at most `most`, that divides `views` into nearly equal chunks."""
    return -(-views // -(-views // most))


def gb(size: float) -> str:
    """Return bytes as a number of GB."""
    return f"{size / GB:.1f}" if size >= GB else f"{size / GB:.2f}"
