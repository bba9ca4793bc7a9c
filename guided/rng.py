"""Random numbers with one stream for each image, drawn on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from guided.devices import sent


class RandomStreams:
    """Random numbers with one stream per image, so that an image does not depend on its
    neighbours in a batch. Drawn on the CPU: every device starts from the same noise."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal_like(self, x: Tensor) -> Tensor:
        """Standard normal noise of x's shape (B, ...), dtype and device."""
        noise = [
            torch.randn(x.shape[1:], generator=g, dtype=torch.float32) for g in self.generators
        ]
        return sent(torch.stack(noise), x)

    def stream(self, b: int) -> RandomStreams:
        """The stream of image b alone; what is drawn from one is drawn from the other."""
        one = RandomStreams([])
        one.generators = [self.generators[b]]
        return one

    def state(self) -> Tensor:
        """(B, bytes): where each stream is by now."""
        return torch.stack([g.get_state() for g in self.generators])

    def restore(self, state: Tensor) -> None:
        """From where the streams were when their state was taken."""
        for g, bytes_ in zip(self.generators, state.cpu(), strict=True):
            g.set_state(bytes_.clone())

    def seeds(self) -> list[int]:
        """A fresh seed per image, for libraries that only know the global generator."""
        return [int(torch.randint(2**62, (), generator=g)) for g in self.generators]
