"""The memory of a guided step, counted by running it on the meta device.

The networks, cutouts and guides themselves are run, so that a new kind of them needs no change
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

IMAGES = 6  # tensors of the size of x that samplers and outputs hold


@dataclass
class StepMemory:
    """The bytes of a guided step. Its peak is the largest of three phases: the prediction; the
    guides, in addition to the saved activations; and the backward pass."""

    weights: dict[str, int] = field(default_factory=dict)  # by network
    images: int = 0
    prediction: int = 0  # peak of the forward pass
    activations: int = 0  # saved for the backward pass
    guides: int = 0  # peak of the guides, without the saved activations
    backward: int = 0  # peak of the backward pass, with the saved activations

    @property
    def step(self) -> int:
        """Return the peak of a step without the weights."""
        return self.images + max(self.prediction, self.activations + self.guides, self.backward)

    @property
    def total(self) -> int:
        """Return the peak of a step with the weights."""
        return sum(self.weights.values()) + self.step


def size_of(net: nn.Module | None) -> int:
    """Return the bytes of a network's weights and buffers."""
    return sum(p.numel() * p.element_size() for p in held(net)) if net is not None else 0


def held(*nets: nn.Module | None) -> list[Tensor]:
    """Return the weights and buffers of networks."""
    return [t for net in nets if net is not None for t in (*net.parameters(), *net.buffers())]


class StepMeter:
    """Counts the bytes of one guided step while a generator traces it."""

    def __init__(self, device: str, owned: Iterable[Tensor]) -> None:
        self.need = StepMemory()
        self.counter = AllocationCounter(owned, reordering=device == "cpu")

    def begin(self, x: Tensor) -> None:
        """Leave x (B, ...) out of the count: the images of a step are counted apart."""
        self.counter.disown(x)
        self.need.images = IMAGES * x.numel() * 4

    def predicted(self) -> None:
        """Mark the end of the forward pass, with its saved activations."""
        self.need.prediction = self.counter.take_peak()
        self.need.activations = self.counter.live

    def look(
        self, guides: Mapping[str, Guide], image: Tensor, progress: float, rng: RandomStreams
    ) -> None:
        """Call the guides with the image (B, 3, H, W)."""
        self.need.guides = look(guides, image, progress, rng, self.counter)

    def finished(self) -> None:
        """Mark the end of the backward pass."""
        self.need.backward = self.counter.take_peak()


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
    with kernels(device), meter.counter:
        generator.trace_step(guides, request, progress, meter)
    return meter.need


def look(
    guides: Mapping[str, Guide],
    image: Tensor,
    progress: float,
    rng: RandomStreams,
    counter: AllocationCounter,
) -> int:
    """Return the peak bytes of the guides' gradients for an image (B, 3, H, W)."""
    before = counter.live
    counter.take_peak()
    gradients = [guide(image, progress, rng) for guide in guides.values()]
    del gradients
    return counter.take_peak() - before
