"""How much of a step is held at once, and how it goes on with less where memory runs out.

Knows nothing about networks or guides. No choice here changes a picture, beyond float error.
Imports no torch until something runs out.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import ref

from guided.devices import available

if TYPE_CHECKING:
    import torch

log = logging.getLogger(__name__)
T = TypeVar("T")
LESS = (
    "a smaller size=, fewer or smaller CLIPs in clip=, secondary=imagenet2 or a smaller model= "
    "need less"
)
# MPS and XPU say so in a RuntimeError, as do the CPU's allocator, cuBLAS and cuDNN.
SAID = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")


class Offloadable(Protocol):
    """A network that can be kept on the CPU while it is not used."""

    def wait(self, elsewhere: bool) -> None: ...

    def at_hand(self) -> AbstractContextManager[None]: ...


@dataclass
class MemoryPolicy:
    """What all that draws one picture shares: whoever runs out of memory makes it smaller."""

    micro_batch: int | None = None  # cutouts through a CLIP at once; None: all
    checkpointing: bool = False  # the U-Net computes again on the way back what it does not keep
    offload_clips: bool = False  # CLIPs wait on the CPU for their turn
    # That could. Not held here: a batch remembers this longer than it keeps its models.
    clips: list[ref[Offloadable]] = field(default_factory=list)
    views: int = 1  # the most that were ever asked for

    def chunk_size(self, views: int) -> int:
        self.views = max(self.views, views)
        return min(self.micro_batch or views, views)

    def halve_chunk_size(self, views: int) -> str | None:
        """Half as many views at once, said; None when it is one already."""
        now = self.chunk_size(views)
        if now == 1:
            return None
        self.micro_batch = (now + 1) // 2
        return f"cutouts.micro_batch={self.micro_batch}"

    def offload(self) -> None:
        """From now on, CLIPs are on their device for as long as they look."""
        self.offload_clips = True
        for clip in filter(None, (found() for found in self.clips)):
            clip.wait(True)

    def offload_from(self, device: torch.device) -> str | None:
        """Offload the CLIPs if `device` is not the CPU and they are on it; return a line that
        says so, or None where that is not possible."""
        if not self.clips or self.offload_clips or device.type == "cpu":
            return None
        self.offload()
        return "CLIPs that wait on the CPU for their turn, which is slower"

    def at_hand(self, clip: Offloadable) -> AbstractContextManager[None]:
        """While a CLIP is used, back and forth."""
        return clip.at_hand() if self.offload_clips else nullcontext()


def until_it_fits(work: Callable[[], T], smaller: Callable[[], str | None]) -> T:
    """work(), and again each time that memory runs out and `smaller` finds something to make
    smaller, of which it says what. Otherwise what was raised."""
    while True:
        try:
            return work()
        except Exception as error:
            said = smaller() if out_of_memory(error) else None
            if said is None:
                raise
        # By now the error is gone, and with it the frames that held the tensors of the failed try.
        free()
        log.warning("memory ran out; the step is tried again with %s", said)


def out_of_memory(error: BaseException) -> bool:
    """Python's own, CUDA's, or that of another device's allocator."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(said in str(error) for said in SAID)


def free() -> None:
    """Give back what nothing holds any more."""
    import torch

    gc.collect()
    for kind in ("cuda", "mps", "xpu"):
        if available(kind):
            getattr(torch, kind).empty_cache()
