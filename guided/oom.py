"""The memory policy of a step, and retrying with less memory when memory runs out.

No choice here changes a picture beyond rounding. Imports no torch until memory runs out.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypeVar
from weakref import ref

from guided.devices import available

if TYPE_CHECKING:
    import torch
    from torch import Tensor

log = logging.getLogger(__name__)
T = TypeVar("T")
LESS = (
    "a smaller size=, fewer or smaller CLIPs in clip=, secondary=imagenet2 or a smaller model= "
    "need less"
)
# Parts of the RuntimeErrors of MPS, XPU, the CPU's allocator, cuBLAS and cuDNN.
MESSAGES = ("out of memory", "can't allocate memory", "not enough memory", "ALLOC_FAILED")


class Offloadable(Protocol):
    """A network that can be kept on the CPU while it is not used."""

    def set_offloaded(self, offloaded: bool) -> None: ...

    def on_device(self) -> AbstractContextManager[None]: ...


@dataclass
class MemoryPolicy:
    """How a step is divided to save memory. The pipeline owns it; whoever runs out of memory
    reduces it for all."""

    micro_batch: int | None = None  # cutouts through a CLIP at once; None: all
    checkpointing: bool = False  # the U-Net recomputes activations in the backward pass
    offload_clips: bool = False  # CLIPs are on the CPU while they are not used
    # That may be offloaded. Weak, because a batch keeps policies longer than models.
    clips: list[ref[Offloadable]] = field(default_factory=list)
    most_views: int = 1  # the most cutouts of a CLIP in any step so far

    def chunk_size(self, views: int) -> int:
        """Return how many of `views` cutouts go through a CLIP at once."""
        self.most_views = max(self.most_views, views)
        return min(self.micro_batch or views, views)

    def halve_chunk_size(self, views: int) -> str | None:
        """Halve the chunk size for `views` cutouts; return the change as a setting, None if the
        size is 1 already."""
        size = self.chunk_size(views)
        if size == 1:
            return None
        self.micro_batch = (size + 1) // 2
        return f"cutouts.micro_batch={self.micro_batch}"

    def offload(self) -> None:
        """Keep CLIPs on the CPU while they are not used, from now on."""
        self.offload_clips = True
        for clip in filter(None, (reference() for reference in self.clips)):
            clip.set_offloaded(True)

    def offload_from(self, device: torch.device) -> str | None:
        """Offload the CLIPs if `device` is not the CPU and they are on it; return a line that
        says so, or None where that is not possible."""
        if not self.clips or self.offload_clips or device.type == "cpu":
            return None
        self.offload()
        return "CLIPs on the CPU while they are not used, which is slower"

    def on_device(self, clip: Offloadable) -> AbstractContextManager[None]:
        """Keep an offloaded CLIP on its device for as long as the block lasts."""
        return clip.on_device() if self.offload_clips else nullcontext()

    def state(self) -> dict[str, Tensor]:
        """Return the part of the policy that decides rounding, for `restore`."""
        import torch

        return {"micro_batch": torch.tensor(self.micro_batch)} if self.micro_batch else {}

    def restore(self, saved: Mapping[str, Tensor]) -> None:
        """Take over the micro-batch of a saved state, whatever memory there is now, so that the
        remaining steps are bit-identical."""
        self.micro_batch = int(saved.get("micro_batch", 0)) or None


def until_it_fits(work: Callable[[], T], reduce: Callable[[], str | None]) -> T:
    """Return work(), repeated each time that memory runs out and `reduce` can reduce something.

    `reduce` returns the change in words, or None if nothing is left to reduce: then the error is
    raised."""
    while True:
        try:
            return work()
        except Exception as error:
            change = reduce() if out_of_memory(error) else None
            if change is None:
                raise
        # Outside of `except`, where no frame holds the tensors of the failed attempt.
        free()
        log.warning("memory ran out; the step is tried again with %s", change)


def out_of_memory(error: BaseException) -> bool:
    """Return whether the error is Python's, CUDA's or another allocator's out-of-memory error."""
    import torch

    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(part in str(error) for part in MESSAGES)


def free() -> None:
    """Collect garbage, and return the allocators' unused memory to the devices."""
    import torch

    gc.collect()
    for kind in ("cuda", "mps", "xpu"):
        if available(kind):
            getattr(torch, kind).empty_cache()
