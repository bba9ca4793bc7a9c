"""Random numbers with one stream for each image, drawn on the CPU."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from guided.devices import sent


class RandomStreams:
    """Random streams, one for each image, so that an image does not depend on its neighbours in a
    batch. Numbers are drawn on the CPU, so that they are the same on every device."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal_like(self, x: Tensor) -> Tensor:
        """Return standard normal noise of the shape (B, ...), dtype and device of x."""
        noise = [
            torch.randn(x.shape[1:], generator=g, dtype=torch.float32) for g in self.generators
        ]
        return sent(torch.stack(noise), x)

    def stream(self, b: int) -> RandomStreams:
        """Return the stream of image b alone, shared with this object."""
        one = RandomStreams([])
        one.generators = [self.generators[b]]
        return one

    def state(self) -> Tensor:
        """Return the state of each stream, (B, bytes), for `restore`."""
        return torch.stack([g.get_state() for g in self.generators])

    def restore(self, state: Tensor) -> None:
        """Set each stream to a saved `state`."""
        for g, bytes_ in zip(self.generators, state.cpu(), strict=True):
            g.set_state(bytes_.clone())

    def seeds(self) -> list[int]:
        """Return a fresh seed for each image, for libraries that use the global generator."""
        return [int(torch.randint(2**62, (), generator=g)) for g in self.generators]
