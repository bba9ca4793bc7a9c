"""What drawing needs: one guided step walked on tensors without numbers, and its bytes counted.

Nothing here knows what a layer keeps: the networks, the cutouts and the guides themselves are run,
on the meta device, and a ledger looks on. So a new kind of network, guide or cutout needs no word
here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from guided.interfaces import Guide, LoadedGenerator, Request
from guided.memory.allocations import AllocationCounter
from guided.memory.meta_kernels import kernels
from guided.rng import RandomStreams

IMAGES = 6  # of the size of x: of a step and the one before, in outputs and on their way to disk


@dataclass
class StepMemory:
    """Bytes. A step's peak is the largest of three moments: the guess, with all that it keeps for
    the way back; the guides, on top of what was kept; and the way back."""

    weights: dict[str, int] = field(default_factory=dict)  # by network
    images: int = 0
    prediction: int = 0  # at most while the image is guessed
    kept: int = 0  # from there to the way back
    guides: int = 0  # at most while they look, beside what is kept
    back: int = 0  # at most on the way back, what is kept included

    @property
    def step(self) -> int:
        return self.images + max(self.prediction, self.kept + self.guides, self.back)

    @property
    def total(self) -> int:
        return sum(self.weights.values()) + self.step


def size_of(net: nn.Module | None) -> int:
    """Bytes of a network's weights."""
    return sum(p.numel() * p.element_size() for p in held(net)) if net is not None else 0


def held(*nets: nn.Module | None) -> list[Tensor]:
    return [t for net in nets if net is not None for t in (*net.parameters(), *net.buffers())]


class StepMeter:
    """Counts the bytes of one guided step while a generator traces it."""

    def __init__(self, device: str, owned: Iterable[Tensor]) -> None:
        self.need = StepMemory()
        self.ledger = AllocationCounter(owned, reordering=device == "cpu")

    def begin(self, x: Tensor) -> None:
        """Leave x (B, ...) out of the count: the images of a step are counted apart."""
        self.ledger.disown(x)
        self.need.images = IMAGES * x.numel() * 4

    def predicted(self) -> None:
        """Mark that the image is predicted, and what the backward pass needs is kept."""
        self.need.prediction, self.need.kept = self.ledger.since(), self.ledger.live

    def look(
        self, guides: Mapping[str, Guide], image: Tensor, progress: float, rng: RandomStreams
    ) -> None:
        """Call the guides with the image (B, 3, H, W)."""
        self.need.guides = look(guides, image, progress, rng, self.ledger)

    def finished(self) -> None:
        """Mark the end of the backward pass."""
        self.need.back = self.ledger.since()


def measure_step(
    generator: LoadedGenerator,
    guides: Mapping[str, Guide],
    request: Request,
    device: str,
    owned: Iterable[Tensor],
    progress: float,
) -> StepMemory:
    """Return the memory of one guided step at `progress` (0..1) of the run.

    The generator and the guides are on the meta device; the kernels are those of `device` ("cpu",
    "cuda", "mps", ...). `owned`: the weights, which are counted elsewhere."""
    meter = StepMeter(device, owned)
    with kernels(device), meter.ledger:
        generator.trace_step(guides, request, progress, meter)
    return meter.need


def look(
    guides: Mapping[str, Guide],
    image: Tensor,
    progress: float,
    rng: RandomStreams,
    ledger: AllocationCounter,
) -> int:
    """At most while they look at an image (B, 3, H, W)."""
    before = ledger.live
    ledger.since()
    pulls = [guide(image, progress, rng) for guide in guides.values()]
    del pulls
    return ledger.since() - before
