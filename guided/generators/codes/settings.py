"""Latents of a frozen decoder, optimised under the guides: settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from guided.errors import check_number
from guided.generators.codes.card import CodesCard
from guided.generators.settings import GeneratorSettings, LoadContext, recomputes
from guided.generators.sizes import Sizes
from guided.models.cards import GeneratorCard
from guided.schedule import AUTO, always_zero, schedule

if TYPE_CHECKING:
    from guided.generators.codes.generator import CodesGenerator
    from guided.generators.codes.network import Autoencoder


@dataclass
class Codes(GeneratorSettings):
    """Adam on the latents of a vector-quantised autoencoder, as in VQGAN+CLIP.

    Crowson et al. 2022, "VQGAN-CLIP", https://arxiv.org/abs/2204.08583
    """

    rate: Any = 0.1  # step size of Adam, the learning rate of VQGAN+CLIP
    momentum: float = 0.9  # Adam's decay of the mean gradient, from 0 to below 1
    smoothing: float = 0.999  # Adam's decay of the mean squared gradient, from 0 to below 1
    # decay of the average of the latents that is shown, from 0, the latents themselves, to below 1
    average: float = 0.9
    decay: Any = 0  # share of the latents that a step with rate=1 takes away: weight decay to zero
    # whether the decoder gets the nearest codes, with the gradient of the latents; false: the
    # latents
    quantise: bool = True
    # recompute the decoder's activations in the backward pass: less memory, slower; auto: if
    # memory is short
    checkpointing: Any = AUTO

    name: ClassVar[str] = "codes"
    uses: ClassVar[tuple[str, ...]] = ("model",)
    card: ClassVar[type[GeneratorCard]] = CodesCard
    masks: ClassVar[bool] = True

    def __post_init__(self) -> None:
        self.rate = schedule("rate", self.rate, 0, 10)
        self.decay = schedule("decay", self.decay, 0, 10)
        for name in ("momentum", "smoothing", "average"):
            check_number(name, getattr(self, name), 0, 0.999999)
        recomputes(self.checkpointing)

    @property
    def recompute(self) -> bool | None:
        """Whether the backward pass recomputes activations; None: where memory is short."""
        return recomputes(self.checkpointing)

    @property
    def zero(self) -> str:
        """The name of the setting that is 0 all along the run."""
        return "rate" if always_zero(self.rate) else ""

    @property
    def open_edges(self) -> str:
        """The generator itself: its decoder ends at the edges."""
        return "generator=codes"

    def sizes(self, model: GeneratorCard) -> Sizes:
        """Return any multiple of the side that a code stands for."""
        width, height = model.size
        return Sizes(model.divisor, (width, height))

    def network(self, model: GeneratorCard) -> Autoencoder:
        """Return the network of a card, without its weights."""
        from guided.generators.codes.network import Autoencoder

        assert isinstance(model, CodesCard)
        return Autoencoder(model.vq)

    def load(self, context: LoadContext) -> CodesGenerator:
        """Return the generator with its network on the device."""
        from guided.generators.codes.generator import CodesGenerator
        from guided.generators.codes.network import load

        return CodesGenerator(
            network=context.cache.get(load, context.model, context.device, context.dtype),
            rate=self.rate,
            momentum=self.momentum,
            smoothing=self.smoothing,
            average=self.average,
            decay=self.decay,
            quantise=self.quantise,
            device=context.device,
            memory_policy=context.memory_policy,
        )
