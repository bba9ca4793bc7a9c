"""A denoiser that goes on with less where memory runs out: one more wrapper no sampler hears of.

A guess that failed is made again, with the same random numbers, in smaller pieces: guides have
made their own as small as they can by then (guided/guides/clip_loss.py), so that what is left is
the way back through the U-Net, and which CLIPs wait elsewhere. Knows nothing about either.
"""

from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from guided.errors import NoRoom
from guided.interfaces import Denoiser, Guess
from guided.oom import LESS, Thrift, out_of_memory, until_it_fits
from guided.rng import Dice
from guided.timeline import Timeline


class Checkpointed(Protocol):
    """A network that can recompute activations in the backward pass instead of keeping them."""

    checkpointing: bool


@dataclass
class Sparing:
    denoiser: Denoiser
    unet: Checkpointed | None  # whose way back may keep less, if there is one
    dice: Dice
    thrift: Thrift

    def __post_init__(self) -> None:
        if self.unet is not None:
            self.unet.checkpointing = self.thrift.checkpointing

    @property
    def timeline(self) -> Timeline:
        return self.denoiser.timeline

    def __call__(self, x: Tensor, i: int) -> Guess:
        """NoRoom when nothing is left that could be made smaller."""
        before = self.dice.state()

        def work() -> Guess:
            self.dice.go_on(before)
            return self.denoiser(x, i)

        try:
            return until_it_fits(work, lambda: self._smaller(x))
        except Exception as error:
            if not out_of_memory(error):
                raise
            why = no_room(x)
        raise NoRoom(why)  # out here, so that it holds none of the tensors

    def _smaller(self, x: Tensor) -> str | None:
        if self.unet is not None and not self.thrift.checkpointing:
            self.thrift.checkpointing = self.unet.checkpointing = True
            return "generator.checkpointing=true"
        if self.thrift.clips and not self.thrift.one_by_one and x.device.type != "cpu":
            self.thrift.send_away()
            return "CLIPs that wait on the CPU for their turn, which is slower"
        return None


def no_room(x: Tensor) -> str:
    images, _, height, width = x.shape
    fewer = f"batch_size below {images}, " if images > 1 else ""
    return (
        f"memory ran out at size=[{width},{height}], in the smallest pieces that there are: "
        f"{fewer}{LESS}"
    )
