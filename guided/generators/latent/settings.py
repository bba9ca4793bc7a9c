"""Settings of latent diffusion (Stable Diffusion) under the guides."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, ClassVar

from guided.errors import BadInput, not_one_of
from guided.generators.latent.card import DecoderCard, LatentCard
from guided.generators.settings import GeneratorSettings, LoadContext, recomputes
from guided.generators.sizes import Sizes
from guided.interfaces import SamplerSettings
from guided.models.cards import GeneratorCard, SecondaryCard
from guided.schedule import AUTO, schedule

if TYPE_CHECKING:
    from guided.generators.latent.generator import DiffusionInLatents
    from guided.generators.latent.network import LatentNetworks

THROUGH = ("decoder", "unet")
BETWEEN = ("again", "nothing")
PACKAGES = ("diffusers", "transformers")


@dataclass
class Latent(GeneratorSettings):
    """A frozen latent diffusion model, led by its own reading of the prompts and by the guides."""

    # classifier-free guidance: how far the model's own reading of the prompts leads; 1 is off,
    # and takes half the time
    cfg: Any = 7.5
    # largest root mean square of the guides' gradient of the latents; null: no limit
    clamp: Any = 0.05
    reach: Any = None  # largest root mean square of the shift of the latents; null: no limit
    # root mean square of the shift of the latents in shares of the noise left, whatever the
    # gradient's; null: by the gradient, scale and clamp
    relative: Any = None
    # where the guides' gradient ends: decoder, at the predicted latents; unet, at the noisy ones,
    # which takes several times the memory and time
    through: str = "decoder"
    every: Any = 1  # passes of the U-Net from one evaluation of the guides to the next
    between: str = "again"  # guidance in between: again, the last gradient; nothing, none
    # recompute activations in the backward pass: less memory, slower; auto: if memory is short
    checkpointing: Any = AUTO

    name: ClassVar[str] = "latent"
    card: ClassVar[type[GeneratorCard]] = LatentCard
    secondary_card: ClassVar[type[SecondaryCard]] = DecoderCard
    masks: ClassVar[bool] = True
    reads_prompts: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.cfg = schedule("cfg", self.cfg, 0, 100)
        for name in ("clamp", "reach", "relative"):
            if getattr(self, name) is not None:
                setattr(self, name, schedule(name, getattr(self, name), 0))
        self.every = schedule("every", self.every, 1, 1000, whole=True)
        for name, choices in (("through", THROUGH), ("between", BETWEEN)):
            if getattr(self, name) not in choices:
                raise ValueError(not_one_of(name, getattr(self, name), choices))
        recomputes(self.checkpointing)

    @property
    def recompute(self) -> bool | None:
        """Whether the backward pass recomputes activations; None: where memory is short."""
        return recomputes(self.checkpointing)

    @property
    def open_edges(self) -> str:
        """The generator itself: its networks end at the edges."""
        return "generator=latent"

    def check(self, sampler: SamplerSettings) -> None:
        """Raise BadInput if a package that it needs is not installed."""
        lacking = [name for name in PACKAGES if find_spec(name) is None]
        if lacking:
            raise BadInput(
                f"generator=latent needs {' and '.join(lacking)}: pip install {' '.join(lacking)}"
            )

    def sizes(self, model: GeneratorCard) -> Sizes:
        """Return the card's multiples, from 64 pixels on, or from its own size if that is less."""
        width, height = model.size
        least = min(-(-64 // model.divisor) * model.divisor, width, height)
        return Sizes(model.divisor, (width, height), (width, height), least=least)

    def network(self, model: GeneratorCard) -> LatentNetworks:
        """Return the networks of a card, without their weights."""
        from guided.generators.latent.network import LatentNetworks

        assert isinstance(model, LatentCard)
        return LatentNetworks(model.unet, model.vae, model.text)

    def load(self, context: LoadContext) -> DiffusionInLatents:
        """Return the generator with its networks on the device."""
        from guided.diffusion.guidance_cache import GuidanceInterval
        from guided.diffusion.guidance_method import GuidanceMethod
        from guided.generators.latent.generator import DiffusionInLatents
        from guided.generators.latent.loading import load_decoder, load_latent

        model, small, device = context.model, context.secondary, context.device
        assert isinstance(model, LatentCard)  # as Plan checks
        get = context.cache.get
        return DiffusionInLatents(
            parts=get(load_latent, model, device, context.dtype),
            decoder=None if small is None else get(load_decoder, small, device),
            card=model,
            sampler=context.sampler,
            device=device,
            cfg=self.cfg,
            method=GuidanceMethod(clamp=self.clamp, reach=self.reach, relative=self.relative),
            through_unet=self.through == "unet",
            interval=GuidanceInterval(self.every, self.between),
            memory_policy=context.memory_policy,
        )
