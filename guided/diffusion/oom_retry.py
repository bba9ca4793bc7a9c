"""A denoiser that goes on with less where memory runs out: one more wrapper no sampler hears of.

A guess that failed is made again, with the same random numbers, in smaller pieces: guides have
made their own as small as they can by then (guided/guides/clip_loss.py), so that what is left is
the way back through the U-Net, and which CLIPs wait elsewhere. Knows nothing about either.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from guided.errors import NoRoom
from guided.interfaces import Denoiser, Prediction
from guided.oom import LESS, MemoryPolicy, out_of_memory, until_it_fits
from guided.rng import RandomStreams
from guided.timeline import Timeline


class Checkpointed(Protocol):
    """A network that can recompute activations in the backward pass instead of keeping them."""

    checkpointing: bool


@dataclass
class OOMRetry:
    denoiser: Denoiser
    unet: Checkpointed | None  # whose way back may keep less, if there is one
    rng: RandomStreams
    memory_policy: MemoryPolicy

    def __post_init__(self) -> None:
        if self.unet is not None:
            self.unet.checkpointing = self.memory_policy.checkpointing

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Prediction:
        """NoRoom when nothing is left that could be made smaller."""
        before = self.rng.state()

        def work() -> Prediction:
            self.rng.restore(before)
            return self.denoiser(x, i)

        try:
            return until_it_fits(work, lambda: self._smaller(x))
        except Exception as error:
            if not out_of_memory(error):
                raise
            why = no_room(x)
        raise NoRoom(why)  # out here, so that it holds none of the tensors

    def _smaller(self, x: Tensor) -> str | None:
        if self.unet is not None and not self.memory_policy.checkpointing:
            self.memory_policy.checkpointing = self.unet.checkpointing = True
            return "generator.checkpointing=true"
        return self.memory_policy.offload_from(x.device)


def no_room(x: Tensor) -> str:
    images, _, height, width = x.shape
    fewer = f"batch_size below {images}, " if images > 1 else ""
    return (
        f"memory ran out at size=[{width},{height}], in the smallest pieces that there are: "
        f"{fewer}{LESS}"
    )
