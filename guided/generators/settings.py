"""The protocol of generators' settings: the needs of a generator, and how it is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from guided.generators.sizes import Sizes
from guided.interfaces import LoadedGenerator, PartSettings, Sampler, SamplerSettings
from guided.models.cards import GeneratorCard, ModelCard, SecondaryCard
from guided.models.model_cache import ModelCache
from guided.schedule import AUTO

if TYPE_CHECKING:
    import torch
    from torch import nn

    from guided.oom import MemoryPolicy

GROUPS = ("model", "secondary", "sampler")  # of the configuration, that a generator may use


@dataclass(frozen=True)
class LoadContext:
    """The cards, the device and the shared objects that a generator is loaded with."""

    model: GeneratorCard
    secondary: SecondaryCard | None
    sampler: Sampler
    device: torch.device
    dtype: torch.dtype
    cache: ModelCache
    memory_policy: MemoryPolicy


def recomputes(checkpointing: Any) -> bool | None:
    """Return whether the backward pass recomputes activations, given the setting `checkpointing`;
    None: where memory is short. Raise ValueError for another value."""
    if not isinstance(checkpointing, bool) and checkpointing != AUTO:
        raise ValueError(f"checkpointing={checkpointing} must be true, false or auto")
    return None if checkpointing == AUTO else checkpointing


class GeneratorSettings(PartSettings, Protocol):
    """Settings of a generator. The defaults are those of one that draws with a model card."""

    name: ClassVar[str]  # as in generator=NAME
    uses: ClassVar[tuple[str, ...]] = GROUPS  # those of GROUPS that have an effect
    card: ClassVar[type[GeneratorCard]] = ModelCard  # the kind of models that it draws with
    meets_constraints: ClassVar[bool] = False  # its pictures meet those of a request
    masks: ClassVar[bool] = False  # whether it keeps what Request.mask leaves
    starts_from_init: ClassVar[bool] = True  # whether it begins with Request.init
    # whether its network reads the prompts, which are followed without the guide 'clip' too
    reads_prompts: ClassVar[bool] = False
    secondary_card: ClassVar[type[SecondaryCard]] = SecondaryCard  # the kind that it takes

    @property
    def recompute(self) -> bool | None:
        """Whether the backward pass recomputes activations; None: where memory is short."""
        return False

    @property
    def zero(self) -> str:
        """The name of a setting that makes the guides' effect 0 all along the run; empty: none."""
        return ""

    def check(self, sampler: SamplerSettings) -> None:
        """Raise BadInput, before anything is loaded, if it cannot work with the sampler."""
        return

    @property
    def chosen_tiles(self) -> str:
        """How the user wants a canvas to be divided into windows; empty: as suits the model."""
        return ""

    def windows(self, size: tuple[int, int], model: GeneratorCard) -> int:
        """Return how many windows a canvas of `size` (width, height) is divided into."""
        return 1

    @property
    def open_edges(self) -> str:
        """The setting and its value with which opposite edges cannot meet; empty: they can."""
        return ""

    def sizes(self, model: GeneratorCard) -> Sizes:
        """Return the sizes that it draws with this card."""
        width, height = model.size
        return Sizes(model.divisor, (width, height), (width, height))

    def steps(self, model: GeneratorCard) -> int:
        """Return the recommended number of steps."""
        return model.recommended.steps

    def network(self, model: GeneratorCard) -> nn.Module:
        """Return the network of a card, without its weights."""
        ...

    def load(self, context: LoadContext) -> LoadedGenerator:
        """Return the generator with its networks on the device."""
        ...
