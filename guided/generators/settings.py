"""The protocol of generators' settings: what a generator needs, which sizes it draws, how it is
loaded.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from guided.interfaces import LoadedGenerator, PartSettings, Sampler, SamplerSettings
from guided.models.cards import ModelCard, SecondaryCard
from guided.models.model_cache import ModelCache

if TYPE_CHECKING:
    import torch

    from guided.oom import MemoryPolicy

LARGEST = 8192  # pixels a side
MOST_TIMES = 16  # by which an output enlarges
GROUPS = ("model", "secondary", "sampler")  # of the configuration, that a generator may use


@dataclass(frozen=True)
class Sizes:
    """The sizes that a generator draws: multiples of `step` up to LARGEST pixels a side."""

    step: int
    default: tuple[int, int]  # width, height
    comfortable: tuple[int, int] | None = None  # far above it, pictures fall apart; None: no limit

    def nearest(self, side: int) -> int:
        """Return the width or height nearest to `side` that can be drawn."""
        return min(max(round(side / self.step), 1) * self.step, LARGEST // self.step * self.step)

    def is_far_above(self, size: tuple[int, int]) -> bool:
        """Return whether a (width, height) has more than four times the comfortable pixels."""
        return self.comfortable is not None and area(size) > 4 * area(self.comfortable)

    def enlarged(self, size: tuple[int, int]) -> tuple[list[int], int]:
        """Return the comfortable size [width, height] of the same shape, and the factor that makes
        `size` of it, or nearly, and is at most MOST_TIMES."""
        assert self.comfortable is not None
        times = min(max(round(math.sqrt(area(size) / area(self.comfortable))), 1), MOST_TIMES)
        return [self.nearest(round(side / times)) for side in size], times


def area(size: tuple[int, int]) -> int:
    return size[0] * size[1]


@dataclass(frozen=True)
class LoadContext:
    """The cards, the device and the shared objects that a generator is loaded with."""

    model: ModelCard
    secondary: SecondaryCard | None
    sampler: Sampler
    device: torch.device
    dtype: torch.dtype
    cache: ModelCache
    memory_policy: MemoryPolicy


class GeneratorSettings(PartSettings, Protocol):
    """Settings of a generator. The defaults are those of one that draws with a model card."""

    name: ClassVar[str]  # as in generator=NAME
    uses: ClassVar[tuple[str, ...]] = GROUPS  # those of GROUPS that have an effect
    meets_constraints: ClassVar[bool] = False  # its pictures meet those of a request
    masks: ClassVar[bool] = False  # whether it keeps what Request.mask leaves

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

    def sizes(self, model: ModelCard) -> Sizes:
        """Return the sizes that it draws with this card."""
        width, height = model.size
        return Sizes(model.unet.divisor, (width, height), (width, height))

    def steps(self, model: ModelCard) -> int:
        """Return the recommended number of steps."""
        return model.recommended.steps

    def load(self, context: LoadContext) -> LoadedGenerator:
        """Return the generator with its networks on the device."""
        ...
