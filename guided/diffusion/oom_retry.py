"""A denoiser that repeats a step with less memory when memory runs out.

The step is repeated with the same random numbers. Guides have reduced their own micro-batches by
then (guided/guides/clip_loss.py); what remains is gradient checkpointing in the U-Net, and
offloading CLIPs to the CPU.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from torch import Tensor

from guided.errors import NoRoom
from guided.interfaces import Denoiser, Prediction
from guided.oom import LESS, MemoryPolicy, out_of_memory, until_it_fits
from guided.rng import RandomStreams
from guided.timeline import Timeline

T = TypeVar("T")


class Checkpointed(Protocol):
    """A network that can recompute activations in the backward pass instead of keeping them."""

    checkpointing: bool


@dataclass
class OOMRetry:
    """A denoiser around `denoiser` that recovers from running out of memory."""

    denoiser: Denoiser
    unet: Checkpointed | None  # that gradients go back through, if any
    rng: RandomStreams
    memory_policy: MemoryPolicy
    scale: int = 1  # pixels of the picture, across and down, for each of x

    def __post_init__(self) -> None:
        if self.unet is not None:
            self.unet.checkpointing = self.memory_policy.checkpointing

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """Return the prediction; raise NoRoom when nothing is left to reduce."""
        images, channels, height, width = x.shape
        shape = images, channels, self.scale * height, self.scale * width
        return repeated(lambda: self.denoiser(x, i), self.rng, lambda: self._reduce(x), shape)

    def _reduce(self, x: Tensor) -> str | None:
        """Reduce the memory of a step; return the change as a setting, None if nothing is left."""
        if self.unet is not None and not self.memory_policy.checkpointing:
            self.memory_policy.checkpointing = self.unet.checkpointing = True
            return "generator.checkpointing=true"
        return self.memory_policy.offload_from(x.device)


def repeated(
    work: Callable[[], T],
    rng: RandomStreams,
    reduce: Callable[[], str | None],
    shape: Sequence[int],
) -> T:
    """Return work(), repeated with the same random numbers and less memory where it runs out:
    `until_it_fits` describes `reduce`. Raise NoRoom when nothing is left to reduce; `shape` is
    that of the step's pictures (B, 3, H, W)."""
    before = rng.state()

    def again() -> T:
        rng.restore(before)
        return work()

    try:
        return until_it_fits(again, reduce)
    except Exception as error:
        if not out_of_memory(error):
            raise
    raise NoRoom(no_room(shape))  # outside of `except`, so that it refers to none of the tensors


def no_room(shape: Sequence[int]) -> str:
    """Return the message for a step on pictures (B, 3, H, W) that does not fit."""
    images, _, height, width = shape
    fewer = f"batch_size below {images}, " if images > 1 else ""
    return (
        f"memory ran out at size=[{width},{height}], in the smallest pieces that there are: "
        f"{fewer}{LESS}"
    )
