"""Settings of guided diffusion in pixels, whose computation is in guided/diffusion/."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

from guided.devices import check_compiler
from guided.diffusion.symmetry import Mirror, check_symmetry, usual_times
from guided.diffusion.tiles import TILES, divided
from guided.errors import BadInput, check_number, not_one_of
from guided.generators.settings import GeneratorSettings, LoadContext, recomputes
from guided.generators.sizes import Sizes
from guided.interfaces import SamplerSettings
from guided.models.cards import DiffusionCard, GeneratorCard, ModelCard
from guided.schedule import AUTO, Schedule, always_zero, automatic, schedule

if TYPE_CHECKING:
    from guided.diffusion.guidance_method import GuidanceMethod
    from guided.diffusion.jit import JiT
    from guided.diffusion.unet import UNet
    from guided.generators.diffusion.generator import DiffusionGenerator

log = logging.getLogger(__name__)
SEES = ("pred", "blend")
THROUGH = ("unet", "straight")
BETWEEN = ("again", "nothing")
RANGES = {  # lowest, highest, whole
    "secondary": (0, 1, False),
    "rho": (0, 100, False),
    "mu": (0, 100, False),
    "iterations": (1, 100, True),
    "smoothing": (0, 10, False),
    "samples": (1, 100, True),
    "spherical": (0, 1, False),
    "every": (1, 1000, True),
}
CHOICES = {"sees": SEES, "through": THROUGH, "between": BETWEEN, "tiles": TILES}


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
    # weight of the guides' gradient through the network that predicted the image
    rho: Any = 1
    # weight of the guides' gradient on the predicted image itself, without a network: faster where
    # rho is 0
    mu: Any = 0
    # evaluations of the guides for mu, each on the image that those before moved
    iterations: Any = 1
    # noise on the image that the guides see, in shares of the noise left; with several samples the
    # loss is their soft minimum
    smoothing: Any = 0
    samples: Any = 1  # noisy images that the guides see with smoothing
    # root mean square of the shift of a prediction in shares of the noise left, whatever the
    # gradient's; null: by the gradient, scale and clamp
    relative: Any = None
    # share by which the sampler's noise is turned along the gradient, instead of shifting the
    # prediction; 0 is off
    spherical: Any = 0
    # unet: as rho and mu say; straight: rho past the network too, as with rho=0 mu=1
    through: str = "unet"
    # passes of the U-Net from one evaluation of the guides to the next; recurrence gives a step
    # several passes
    every: Any = 1
    between: str = "again"  # guidance in between: again, the last gradient; nothing, none
    # windows of a canvas above the model's own size: blend, they overlap and are averaged; shift,
    # side by side, shifted at random; off; auto: blend where the model alone draws no whole object
    tiles: str = "auto"
    # horizontal copies the left half to the right; vertical, the upper to the lower; both;
    # rotate:6, one of six sectors to the others; none
    symmetry: str = "none"
    # progress, or several, at which the image is made symmetric; 1, the finished picture; auto:
    # [0.1,0.3,0.5], and for rotations also 1, because a model would draw its usual object after
    symmetry_at: Any = AUTO
    # recompute activations in the backward pass: less memory, slower; auto: if memory is short
    checkpointing: Any = AUTO
    # compile the U-Net with torch.compile: takes minutes once, then steps are faster; for long
    # batches
    compile: Any = False

    name: ClassVar[str] = "diffusion"
    card: ClassVar[type[GeneratorCard]] = DiffusionCard
    meets_constraints: ClassVar[bool] = True
    masks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.clamp is not None:
            self.clamp = automatic("clamp", self.clamp, 0)
        if self.reach is not None:
            self.reach = schedule("reach", self.reach, 0)
        if self.relative is not None:
            self.relative = schedule("relative", self.relative, 0)
        for name, (low, high, whole) in RANGES.items():
            setattr(self, name, schedule(name, getattr(self, name), low, high, whole))
        if self.tiles is False:  # YAML's reading of `off`
            self.tiles = "off"
        for name, choices in CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(not_one_of(name, getattr(self, name), choices))
        if self.through == "straight" and not always_zero(self.mu):
            raise ValueError("through=straight is rho=0 and mu=1 in one: with mu, set rho=0")
        check_symmetry(self.symmetry)
        recomputes(self.checkpointing)
        if not isinstance(self.compile, bool):
            raise ValueError(f"compile={self.compile} must be true or false")
        if self.compile:
            check_compiler()
        if self.symmetry_at == AUTO:
            self.symmetry_at = usual_times(self.symmetry)
        several = isinstance(self.symmetry_at, Sequence) and not isinstance(self.symmetry_at, str)
        self.symmetry_at = tuple(self.symmetry_at if several else [self.symmetry_at])
        for share in self.symmetry_at:
            check_number("symmetry_at", share, 0, 1)

    @property
    def recompute(self) -> bool | None:
        """Whether the backward pass recomputes activations; None: where memory is short."""
        return recomputes(self.checkpointing)

    @property
    def zero(self) -> str:
        """The name of the limit that is 0 all along the run."""
        limits = {"clamp": self.clamp, "reach": self.reach, "relative": self.relative}
        names = [name for name, limit in limits.items() if always_zero(limit)]
        paths = always_zero(self.rho) and always_zero(self.mu)
        return next(iter(names), "rho" if paths else "")

    def check(self, sampler: SamplerSettings) -> None:
        """Raise BadInput if guidance turns noise that the sampler does not draw; warn of settings
        without effect."""
        for name, needed in (("samples", "smoothing"), ("iterations", "mu")):
            if getattr(self, name).highest > 1 and always_zero(getattr(self, needed)):
                log.warning("generator.%s has no effect while generator.%s is 0", *(name, needed))
        if not always_zero(self.spherical) and not sampler.draws_noise:
            raise BadInput(
                "generator.spherical turns the sampler's fresh noise, and this sampler adds none; "
                "sampler=ddim sampler.eta=1, sampler=ddpm and sampler=dpmpp_sde do"
            )

    def sizes(self, model: GeneratorCard) -> Sizes:
        """Return the sizes that it draws: those far above the model's in windows where `tiles`
        says so; with `auto`, unless the network suits its own size only. Where it takes no other,
        all above it are drawn in windows."""
        if takes_one_size(model):
            width, height = model.size
            own = Sizes(1, (width, height), (width, height), windowed=True)
            return replace(own, least=max(width, height))
        windowed = self.tiles in ("blend", "shift")
        windowed |= self.tiles == AUTO and not model.fixed_size
        return replace(super().sizes(model), windowed=windowed)

    @property
    def chosen_tiles(self) -> str:
        """`tiles` if it asks for windows."""
        return self.tiles if self.tiles in ("blend", "shift") else ""

    def windows(self, size: tuple[int, int], model: GeneratorCard) -> int:
        """Return the number of windows of a canvas with this card. BadInput for a canvas that the
        network takes in windows only, with tiles=off."""
        width, height = model.size
        tiles = self.tiles
        if takes_one_size(model):
            if tiles == "off" and size != (width, height):
                raise BadInput(
                    f"generator.tiles=off: {model.name} takes {width}x{height} only; other sizes "
                    "are drawn in windows, with tiles=blend or shift"
                )
            tiles = "blend" if tiles == AUTO else tiles
        across, down = divided(tiles, size, (width, height), model.divisor, model.fixed_size)
        return len(across.starts) * len(down.starts)

    def network(self, model: GeneratorCard) -> UNet | JiT:
        """Return the network of a card, without its weights."""
        from guided.diffusion.jit import JiT
        from guided.diffusion.unet import UNet
        from guided.models.jit import JiTCard

        if isinstance(model, JiTCard):
            return JiT(model.jit)
        assert isinstance(model, ModelCard)
        return UNet(model.unet)

    def load(self, context: LoadContext) -> DiffusionGenerator:
        """Return the generator with its networks on the device."""
        from guided.diffusion.guidance_cache import GuidanceInterval
        from guided.diffusion.guidance_target import GuidanceTarget
        from guided.generators.diffusion.generator import DiffusionGenerator
        from guided.models.load import load_compiled, load_network, load_secondary

        model, device, cache = context.model, context.device, context.cache
        assert isinstance(model, DiffusionCard)  # as Plan checks
        load = load_compiled if self.compile else load_network
        card = context.secondary
        secondary = None if card is None else cache.get(load_secondary, card, device)
        return DiffusionGenerator(
            unet=cache.get(load, model, device, context.dtype),
            card=model,
            sampler=context.sampler,
            device=device,
            method=self.method(),
            auto_clamp=self.clamp == AUTO,
            target=GuidanceTarget(self.sees, secondary, self.secondary, *self.weights()),
            interval=GuidanceInterval(self.every, self.between),
            mirror=Mirror(self.symmetry, self.symmetry_at),
            tiles=self.tiles,
            memory_policy=context.memory_policy,
        )

    def method(self) -> GuidanceMethod:
        """Return the method of guidance, without a clamp of `auto`."""
        from guided.diffusion.guidance_method import GuidanceMethod

        return GuidanceMethod(
            iterations=self.iterations,
            smoothing=self.smoothing,
            samples=self.samples,
            clamp=self.clamp if isinstance(self.clamp, Schedule) else None,
            reach=self.reach,
            relative=self.relative,
            spherical=self.spherical,
        )

    def weights(self) -> tuple[Schedule, Schedule]:
        """Return the weights of the gradient through the network, and without it."""
        return (self.mu, self.rho) if self.through == "straight" else (self.rho, self.mu)


def takes_one_size(model: GeneratorCard) -> bool:
    """Return whether the network of a card takes pictures of its own size only."""
    return isinstance(model, DiffusionCard) and model.rigid
