"""Settings of guided diffusion in pixels, whose computation is in guided/diffusion/."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guided.devices import check_compiler
from guided.diffusion.symmetry import SYMMETRIES, Mirror
from guided.errors import check_number, not_one_of
from guided.generators.settings import GeneratorSettings, LoadContext
from guided.schedule import AUTO, always_zero, automatic, schedule

if TYPE_CHECKING:
    from guided.generators.diffusion.generator import DiffusionGenerator

SEES = ("pred", "blend")
THROUGH = ("unet", "straight")
BETWEEN = ("again", "nothing")
CHOICES = {"sees": SEES, "through": THROUGH, "between": BETWEEN, "symmetry": SYMMETRIES}


@dataclass
class Diffusion(GeneratorSettings):
    """Guided diffusion with a model card, a sampler and perhaps a secondary model."""

    # largest root mean square of the guides' gradient; null: no limit; auto: by the number of
    # steps
    clamp: Any = 0.05
    reach: Any = None  # largest root mean square of the shift of a prediction; null: no limit
    # image that the guides see: pred, the predicted image; blend, its mixture with the noisy one,
    # as in Disco Diffusion
    sees: str = "pred"
    # where a chosen secondary model predicts the image for the guides: from 0.5 on; below, the
    # U-Net does
    secondary: Any = 1
    # path of the gradient to the noisy image: unet, through the network that predicted; straight,
    # without it
    through: str = "unet"
    # passes of the U-Net from one evaluation of the guides to the next; recurrence gives a step
    # several passes
    every: Any = 1
    between: str = "again"  # guidance in between: again, the last gradient; nothing, none
    # horizontal copies the left half to the right; vertical, the upper to the lower; both; none
    symmetry: str = "none"
    # progress, or several, at which the image is made symmetric
    symmetry_at: Any = field(default_factory=lambda: [0.1, 0.3, 0.5])
    # recompute activations in the backward pass: less memory, slower; auto: if memory is short
    checkpointing: Any = AUTO
    # compile the U-Net with torch.compile: takes minutes once, then steps are faster; for long
    # batches
    compile: Any = False

    name: ClassVar[str] = "diffusion"
    meets_constraints: ClassVar[bool] = True

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

    @property
    def zero(self) -> str:
        """The name of the limit that is 0 all along the run."""
        limits = {"clamp": self.clamp, "reach": self.reach}
        return next((name for name, limit in limits.items() if always_zero(limit)), "")

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
