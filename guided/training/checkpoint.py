"""Stopping and going on: a training's whole state in one file, and the clock of its budget.
Knows nothing about what is trained.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer


class Clock:
    """A budget of minutes; minutes spent before a resume count in `minutes`, not against the
    budget of this start."""

    def __init__(self, budget: float, before: float = 0.0) -> None:
        self.budget, self.before, self.start = budget, before, time.monotonic()

    @property
    def now(self) -> float:
        return (time.monotonic() - self.start) / 60

    @property
    def minutes(self) -> float:
        return self.before + self.now

    @property
    def over(self) -> bool:
        return self.now >= self.budget

    def fading(self, fade: float) -> float:
        """1 until `fade` minutes before the end, then linearly to 0: the learning rate's last
        stretch."""
        return min(1.0, max(0.0, (self.budget - self.now) / fade)) if fade else 1.0


class Ema:
    """A running mean of the weights over the last few per cent of all steps so far, never
    longer than `longest` steps.

    Karras et al. 2024, section 3 (a mean that grows with the training),
    https://arxiv.org/abs/2312.02696
    """

    def __init__(self, model: nn.Module, longest: float = 2000, share: float = 0.05) -> None:
        self.longest, self.share = longest, share
        self.weights = {key: value.clone() for key, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        span = min(self.longest, max(1.0, step * self.share))
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 / (1 + span))
            else:
                self.weights[key].copy_(value)


def save(
    path: Path, model: nn.Module, ema: Ema, optimizers: list[Optimizer], step: int, minutes: float
) -> None:
    """Everything a resume needs, written beside the old file and then renamed over it."""
    state = {
        "model": model.state_dict(),
        "ema": ema.weights,
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        "step": step,
        "minutes": minutes,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    torch.save(state, draft)
    draft.rename(path)


def resume(
    path: Path, model: nn.Module, ema: Ema, optimizers: list[Optimizer]
) -> tuple[int, float]:
    """(step, minutes) of the checkpoint, its state put into place; (0, 0) where there is none.

    A checkpoint without optimizers is a place to begin from: weights as they were, momentum
    new.
    """
    if not path.exists():
        return 0, 0.0
    state = torch.load(path, weights_only=True)
    model.load_state_dict(state["model"])
    ema.weights = state["ema"]
    if "optimizers" in state:
        for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(kept)
    return state["step"], state["minutes"]


def ship(
    weights: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Half-precision safetensors for the package; whoever reads the old file meanwhile keeps
    reading the old file."""
    half = {
        key: value.half() if value.is_floating_point() else value for key, value in weights.items()
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    save_file({key: value.contiguous() for key, value in half.items()}, draft, metadata)
    draft.chmod(0o644)  # safetensors leaves it to the owner alone
    draft.rename(path)
