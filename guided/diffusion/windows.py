"""Windows: a network on a canvas larger than its own size, window by window.

The outputs of overlapping windows are averaged with Gaussian weights before the sampler's step, so
that there is one step, and one guidance, of the whole canvas: Jimenez 2023, "Mixture of
Diffusers", https://arxiv.org/abs/2302.02412. Or windows do not overlap, and are shifted at random,
circularly, before each evaluation, so that no seam stays in one place: Frolov et al. 2024,
"SpotDiffusion", https://arxiv.org/abs/2407.15507

Windows are evaluated one after the other. With `checkpointing` each is computed again in the
backward pass, so that memory grows with the window and not with the canvas. Knows nothing about
what the network predicts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from guided.devices import sent
from guided.diffusion.circular import random_offset, rolled, set_rings
from guided.diffusion.tiles import Axis
from guided.rng import RandomStreams

SPREAD = 0.01  # variance of the Gaussian weights, for windows of side 1


@dataclass
class Windows:
    """The windows of a canvas, the product of those of its axes."""

    down: Axis
    across: Axis
    rng: RandomStreams | None = None  # shifts the rings at each evaluation; None: they stay
    checkpointing: bool = False  # each window is computed again in the backward pass

    @property
    def single(self) -> bool:
        """Return whether one window holds the canvas."""
        return len(self.down.starts) == len(self.across.starts) == 1

    @property
    def rings(self) -> tuple[bool, bool]:
        """Return whether the edges of a window meet (across, down)."""
        across, down = (axis.ring and len(axis.starts) == 1 for axis in (self.across, self.down))
        return across, down

    def apply(
        self, network: Callable[..., Tensor], x: Tensor, *args: Any, again: bool | None = None
    ) -> Tensor:
        """Return the network's output (B, C, H, W) for x (B, 3, H, W), averaged over the windows;
        it is called with each window and `args`. `again`: each window is computed again in the
        backward pass; None: if `checkpointing`."""
        if isinstance(network, nn.Module):
            set_rings(network, self.rings)
        if self.single:
            return network(x, *args)
        again = self.checkpointing if again is None else again
        offsets = self._offsets(len(x))
        canvas = continued(rolled(x, offsets), self.down.beyond, self.across.beyond)
        total: Tensor | None = None
        for (top, rows), (left, columns) in product(placed(self.down, x), placed(self.across, x)):
            place = (..., slice(top, top + len(rows)), slice(left, left + len(columns)))
            out = called(network, again, canvas[place], *args) * rows[:, None] * columns
            if total is None:
                total = out.new_zeros(*out.shape[:2], *canvas.shape[2:])
            total[place] += out
        assert total is not None
        total = folded_back(total, self.down.beyond, self.across.beyond)
        return rolled(total, [(-down, -across) for down, across in offsets])

    def _offsets(self, images: int) -> list[tuple[int, int]]:
        """Return by how many pixels (down, across) each image is rolled."""
        if self.rng is None:
            return [(0, 0)] * images
        size = self.down.length, self.across.length
        several = len(self.down.starts) > 1, len(self.across.starts) > 1
        return [random_offset(seed, size, several) for seed in self.rng.seeds()]


def placed(axis: Axis, like: Tensor) -> list[tuple[int, Tensor]]:
    """Return the start of each window, and the weights (side,) of its pixels."""
    return [
        (start, sent(weight, like))
        for start, weight in zip(axis.starts, shares(axis), strict=True)
    ]


def shares(axis: Axis) -> list[Tensor]:
    """Return the weights (side,) of the pixels of each window, float64. Those of one pixel of the
    canvas sum to 1."""
    total, windows = torch.zeros(axis.length, dtype=torch.float64), []
    for start, side in zip(axis.starts, axis.sides, strict=True):
        place = (torch.arange(side, dtype=torch.float64) + 0.5) / side - 0.5
        weight = torch.exp(-(place**2) / (2 * SPREAD))
        pixels = (start + torch.arange(side)) % axis.length
        total.index_add_(0, pixels, weight)
        windows.append((pixels, weight))
    return [weight / total[pixels] for pixels, weight in windows]


def called(network: Callable[..., Tensor], again: bool, x: Tensor, *args: Any) -> Tensor:
    """Return the network's output; it is computed `again` in the backward pass, if there is
    one."""
    if again and torch.is_grad_enabled() and x.requires_grad:
        return checkpoint(network, x, *args, use_reentrant=False, preserve_rng_state=False)
    return network(x, *args)


def continued(x: Tensor, down: int, across: int) -> Tensor:
    """Return x (B, C, H, W) with its first rows and columns repeated after the last."""
    x = torch.cat([x, x[:, :, :down]], 2) if down else x
    return torch.cat([x, x[:, :, :, :across]], 3) if across else x


def folded_back(x: Tensor, down: int, across: int) -> Tensor:
    """Return x (B, C, H, W) with its last rows and columns added to the first instead."""
    for dim, more in ((2, down), (3, across)):
        if more:
            x, rest = x.split([x.shape[dim] - more, more], dim)
            x = x.clone()
            x.narrow(dim, 0, more).add_(rest)
    return x
