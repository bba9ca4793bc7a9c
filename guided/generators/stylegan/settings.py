"""Latents of a StyleGAN2 optimised under the guides: settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from guided.errors import check_number, not_one_of
from guided.generators.settings import GeneratorSettings, LoadContext
from guided.generators.sizes import Sizes
from guided.generators.stylegan.card import StyleganCard
from guided.models.cards import GeneratorCard
from guided.schedule import always_zero, schedule

if TYPE_CHECKING:
    from guided.generators.stylegan.generator import StyleganGenerator
    from guided.generators.stylegan.network import StyleGAN2

ONE, EACH = "w", "w+"
SPACES = (ONE, EACH)


@dataclass
class Stylegan(GeneratorSettings):
    """Adam on latents of a StyleGAN2 under the guides, from the best of several at random."""

    # latents that are optimised: w, one for all layers of the network, which keeps to what it
    # knows; w+, one for each layer, which leads further
    space: str = EACH
    # step size of Adam
    rate: Any = field(default_factory=lambda: {"linear": [[0, 0.1], [1, 0.02]]})
    momentum: float = 0.9  # Adam's decay of the mean gradient, from 0 to below 1
    smoothing: float = 0.99  # Adam's decay of the mean squared gradient, from 0 to below 1
    # share by which each step brings the latents back to their mean, where pictures are ordinary
    pull: Any = 0.01
    truncation: float = 0.7  # distance of the first latents from their mean, in shares
    candidates: int = 8  # latents at random, of which the guides choose the first one

    name: ClassVar[str] = "stylegan"
    card: ClassVar[type[GeneratorCard]] = StyleganCard
    uses: ClassVar[tuple[str, ...]] = ("model",)
    starts_from_init: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if self.space not in SPACES:
            raise ValueError(not_one_of("space", self.space, SPACES))
        self.rate = schedule("rate", self.rate, 0, 10)
        self.pull = schedule("pull", self.pull, 0, 1)
        for name in ("momentum", "smoothing"):
            check_number(name, getattr(self, name), 0, 0.999999)
        check_number("truncation", self.truncation, 0, 2)
        check_number("candidates", self.candidates, 1, 1000, whole=True)

    @property
    def recompute(self) -> bool | None:
        """None: activations are recomputed where memory is short."""
        return None

    @property
    def zero(self) -> str:
        """The name of the setting that is 0 all along the run."""
        return "rate" if always_zero(self.rate) else ""

    @property
    def open_edges(self) -> str:
        """Itself: the network knows the edges of its pictures."""
        return "generator=stylegan"

    def sizes(self, model: GeneratorCard) -> Sizes:
        """Return the only size of the network."""
        width, height = model.size
        return Sizes(width, (width, height), (width, height), least=width, most=width)

    def network(self, model: GeneratorCard) -> StyleGAN2:
        """Return the network of a card, without its weights."""
        from guided.generators.stylegan.network import StyleGAN2

        assert isinstance(model, StyleganCard)
        return StyleGAN2(model.network)

    def load(self, context: LoadContext) -> StyleganGenerator:
        """Return the generator with its network on the device, in float32."""
        from guided.generators.stylegan.generator import StyleganGenerator
        from guided.generators.stylegan.loading import load_stylegan

        return StyleganGenerator(
            network=context.cache.get(load_stylegan, context.model, context.device),
            each_layer=self.space == EACH,
            rate=self.rate,
            momentum=self.momentum,
            smoothing=self.smoothing,
            pull=self.pull,
            truncation=self.truncation,
            candidates=self.candidates,
            device=context.device,
            memory_policy=context.memory_policy,
        )
