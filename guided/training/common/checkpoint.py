"""Stopping and going on: a training's whole state in one file. Knows nothing about what is
trained.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from guided.errors import BadInput


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
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        model.load_state_dict(state["model"])
        for key, kept in ema.weights.items():
            kept.copy_(state["ema"][key])
        if "optimizers" in state:
            for optimizer, kept in zip(optimizers, state["optimizers"], strict=True):
                optimizer.load_state_dict(kept)
    except Exception as error:
        raise BadInput(
            f"{path} is damaged or of another network or optimizer; choose another out= or move it"
        ) from error
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
