"""The state of a sampled batch between two steps, from which its run goes on bit for bit."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from guided.diffusion.guidance_cache import GuidanceCache
from guided.diffusion.parametrisation import noised
from guided.interfaces import State
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.timeline import Timeline


@dataclass
class SamplingState:
    """The state between two steps: x (B, C, H, W) at position `at` of the timeline, and the
    sampler's memory."""

    x: Tensor
    at: int
    memory: State = field(default_factory=dict)

    @classmethod
    def first(
        cls, noise: Tensor, init: Tensor | None, skipped: int, line: Timeline
    ) -> SamplingState:
        """Return the state before the first step that is not skipped: noise (B, C, H, W), or the
        init image (1 or B, C, H, W) with the noise of that step."""
        at = len(line) - 1 - skipped
        if init is None and not skipped:
            return cls(noise, at)
        clear = torch.zeros_like(noise) if init is None else init.to(noise).expand_as(noise)
        return cls(noised(clear, noise, *line.scales(at)), at)

    def state(self) -> State:
        """Return it as tensors that can be saved."""
        memory = {f"memory.{name}": tensor for name, tensor in self.memory.items()}
        return {"x": self.x, "at": torch.tensor(self.at), **memory}

    @classmethod
    def restored(cls, saved: State, start: SamplingState) -> SamplingState:
        """Return a saved state of the run that began at `start`; raise ValueError if it belongs
        to another."""
        names = [name for name in saved if name == "x" or name.startswith("memory.")]
        if not {"x", "at", "dice"} <= set(saved) or not -1 <= int(saved["at"]) < start.at:
            raise ValueError("the saved state is not of this request")
        if any(saved[name].shape != start.x.shape for name in names):
            raise ValueError("the saved state is of images of another size or number")
        tensors = {name: saved[name].to(start.x.device) for name in names}
        x = tensors.pop("x")
        memory = {name.removeprefix("memory."): tensor for name, tensor in tensors.items()}
        return cls(x, int(saved["at"]), memory)


@dataclass
class ResumableRun:
    """The parts of a run that change from step to step, beside its SamplingState."""

    rng: RandomStreams
    cache: GuidanceCache
    memory_policy: MemoryPolicy

    def saved(self, state: SamplingState) -> State:
        """Return everything that `restored` needs."""
        parts = state.state() | self.cache.state() | {"dice": self.rng.state()}
        return parts | self.memory_policy.state()

    def restored(self, saved: State | None, start: SamplingState) -> SamplingState:
        """Return the state to go on from, and bring all parts to it: that of `saved`, or `start`
        without one. Raise ValueError if it belongs to another run."""
        if saved is None:
            return start
        state = SamplingState.restored(saved, start)
        self.rng.restore(saved["dice"])
        self.cache.restore(saved, start.x.device)
        self.memory_policy.restore(saved)
        return state
