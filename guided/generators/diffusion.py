"""Guided diffusion in pixels: settings. The work is in guided/diffusion/."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from guided.models.cards import ModelCard
from guided.schedule import schedule
from guided.types import Sampler

if TYPE_CHECKING:
    import torch

    from guided.diffusion.drawing import Drawing


@dataclass
class Diffusion:
    clamp: Any = 0.05  # largest root mean square of the guides' gradient; null: no limit
    reach: Any = None  # largest root mean square of the shift of a guess; null: no limit
    checkpointing: bool = False  # less memory for the way back through the U-Net, and slower

    def __post_init__(self) -> None:
        if self.clamp is not None:
            self.clamp = schedule("clamp", self.clamp, 0)
        if self.reach is not None:
            self.reach = schedule("reach", self.reach, 0)

    def load(
        self, card: ModelCard, sampler: Sampler, device: torch.device, dtype: torch.dtype
    ) -> Drawing:
        from guided.diffusion.drawing import Drawing
        from guided.models.weights import load_unet

        unet = load_unet(card, device, dtype)
        unet.checkpointing = self.checkpointing
        return Drawing(unet, card, sampler, self.clamp, self.reach, device)
