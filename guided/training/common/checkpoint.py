"""The whole state of a training in one file, to resume from, and the averaged weights that are
shipped.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from guided.errors import BadInput
from guided.training.common.files import replacing


class Ema:
    """An exponential moving average of the weights over the last `share` of all steps so far, at
    most `longest` steps. Integer buffers are copied.

    torch.optim.swa_utils.AveragedModel begins with a copy of the first step's weights instead of
    the initial ones and wraps the module, which would change the keys of saved states.

    Karras et al. 2024, section 3 (an average that grows with the training),
    https://arxiv.org/abs/2312.02696
    """

    def __init__(self, model: nn.Module, longest: float = 2000, share: float = 0.05) -> None:
        self.longest, self.share = longest, share
        self.weights = {key: value.clone() for key, value in model.state_dict().items()}

    @torch.no_grad()
    def update(self, model: nn.Module, step: int) -> None:
        """Move the average towards the weights after `step` steps."""
        span = min(self.longest, max(1.0, step * self.share))
        for key, value in model.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 / (1 + span))
            else:
                self.weights[key].copy_(value)


@dataclass
class Progress:
    """How far a training is."""

    step: int = 0
    minutes: float = 0.0
    optimizers_since: int = 0  # the step at which the optimizers' state began


def save(
    path: Path, model: nn.Module, ema: Ema, optimizers: list[Optimizer], progress: Progress
) -> None:
    """Write everything that resume() needs."""
    state = {
        "model": model.state_dict(),
        "ema": ema.weights,
        "optimizers": [optimizer.state_dict() for optimizer in optimizers],
        **vars(progress),
    }
    with replacing(path) as draft:
        torch.save(state, draft)


def resume(path: Path, model: nn.Module, ema: Ema, optimizers: list[Optimizer]) -> Progress:
    """Load the file into model, average and optimizers, and return its progress; a new Progress
    if there is no file.

    Optimizers of other parameters than those saved start anew, and a printed line says so.
    Raises BadInput if the file is damaged or of another network.
    """
    if not path.exists():
        return Progress()
    try:
        state = torch.load(path, weights_only=True, map_location="cpu")
        progress = Progress(state["step"], state["minutes"], state.get("optimizers_since", 0))
        weights, averaged = state["model"], state["ema"]
    except Exception as error:
        raise BadInput(f"{path} is damaged; choose another out= or move it") from error
    try:
        model.load_state_dict(weights)
        for key, value in ema.weights.items():
            value.copy_(averaged[key])
    except (RuntimeError, KeyError) as error:
        raise BadInput(f"{path} is of another network; choose another out= or move it") from error
    states = state.get("optimizers", [])
    if len(states) == len(optimizers) and all(map(fits, optimizers, states)):
        for optimizer, saved in zip(optimizers, states, strict=True):
            optimizer.load_state_dict(saved)
    else:
        progress.optimizers_since = progress.step
        print(
            f"{path}: its optimizers were of other parameters and start anew; "
            f"weights and average go on from step {progress.step}",
            flush=True,
        )
    return progress


def fits(optimizer: Optimizer, state: dict[str, Any]) -> bool:
    """Return whether a saved state has the groups and the tensors' shapes of the optimizer."""
    groups = [group["params"] for group in optimizer.param_groups]
    if [len(group["params"]) for group in state["param_groups"]] != [len(g) for g in groups]:
        return False
    parameters = [parameter for group in groups for parameter in group]
    return all(
        value.ndim == 0 or value.shape == parameters[i].shape
        for i, values in state["state"].items()
        for value in values.values()
        if isinstance(value, Tensor)
    )


def ship(
    weights: Mapping[str, Tensor], path: Path, metadata: dict[str, str] | None = None
) -> None:
    """Write weights as half-precision safetensors."""
    half = {
        key: (value.half() if value.is_floating_point() else value).contiguous()
        for key, value in weights.items()
    }
    with replacing(path) as draft:
        save_file(half, draft, metadata)
        draft.chmod(0o644)  # safetensors makes files that only their owner reads
