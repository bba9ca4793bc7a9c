"""Settings of guided diffusion in pixels, whose computation is in guided/diffusion/."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guided.devices import check_compiler
from guided.diffusion.symmetry import SYMMETRIES, Mirror
from guided.errors import check_number, not_one_of
from guided.generators.settings import GeneratorSettings, LoadContext
from guided.schedule import AUTO, automatic, schedule

if TYPE_CHECKING:
    from guided.generators.diffusion.generator import DiffusionGenerator

SEES = ("pred", "blend")
THROUGH = ("unet", "straight")
BETWEEN = ("again", "nothing")
CHOICES = {"sees": SEES, "through": THROUGH, "between": BETWEEN, "symmetry": SYMMETRIES}


@dataclass
class Diffusion(GeneratorSettings):
    """Guided diffusion with a model card, a sampler and perhaps a secondary model."""

    clamp: Any = 0.05  # largest root mean square of the guides' gradient; null: no limit; or auto
    reach: Any = None  # largest root mean square of the shift of a prediction; null: no limit
    sees: str = "pred"  # shown to guides: the prediction, or its blend with the noisy image
    secondary: Any = 1  # 1 where the secondary model, if one is chosen, predicts; 0 elsewhere
    through: str = "unet"  # path of the gradient to the noisy image; straight: without the U-Net
    every: Any = 1  # guides are evaluated at every so many passes of the U-Net
    between: str = "again"  # in between: their last gradient again, or nothing
    symmetry: str = "none"  # horizontal: left half over right; vertical: upper over lower; both
    symmetry_at: Any = field(default_factory=lambda: [0.1, 0.3, 0.5])  # progress, one or several
    checkpointing: Any = AUTO  # less memory for the U-Net's backward pass, and slower
    compile: Any = False  # the U-Net by torch's compiler: minutes once, then faster steps

    name: ClassVar[str] = "diffusion"

    def __post_init__(self) -> None:
        if self.clamp is not None:
            self.clamp = automatic("clamp", self.clamp, 0)
        if self.reach is not None:
            self.reach = schedule("reach", self.reach, 0)
        self.secondary = schedule("secondary", self.secondary, 0, 1)
        self.every = schedule("every", self.every, 1, 1000, whole=True)
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(not_one_of(name, getattr(self, name), choices))
        if not isinstance(self.checkpointing, bool) and self.checkpointing != AUTO:
            raise ValueError(f"checkpointing={self.checkpointing} must be true, false or auto")
        if not isinstance(self.compile, bool):
            raise ValueError(f"compile={self.compile} must be true or false")
        if self.compile:
            check_compiler()
        several = isinstance(self.symmetry_at, Sequence) and not isinstance(self.symmetry_at, str)
        self.symmetry_at = tuple(self.symmetry_at if several else [self.symmetry_at])
        for share in self.symmetry_at:
            check_number("symmetry_at", share, 0, 1)

    @property
    def recompute(self) -> bool | None:
        """Whether the backward pass recomputes activations; None: where memory is short."""
        return None if self.checkpointing == AUTO else bool(self.checkpointing)

    def load(self, context: LoadContext) -> DiffusionGenerator:
        """Return the generator with its networks on the device."""
        from guided.diffusion.guidance_cache import GuidanceInterval
        from guided.diffusion.guidance_target import GuidanceTarget
        from guided.generators.diffusion.generator import DiffusionGenerator
        from guided.models.load import load_compiled, load_secondary, load_unet

        device, cache = context.device, context.cache
        load = load_compiled if self.compile else load_unet
        card = context.secondary
        secondary = None if card is None else cache.get(load_secondary, card, device)
        return DiffusionGenerator(
            unet=cache.get(load, context.model, device, context.dtype),
            card=context.model,
            sampler=context.sampler,
            clamp=self.clamp,
            reach=self.reach,
            device=device,
            target=GuidanceTarget(self.sees, secondary, self.secondary, self.through),
            interval=GuidanceInterval(self.every, self.between),
            mirror=Mirror(self.symmetry, self.symmetry_at),
            memory_policy=context.memory_policy,
        )
