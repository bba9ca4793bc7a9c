"""Frames between drawn ones: which frames are drawn, and how both neighbours become one between.

Disco Diffusion's turbo and Deforum's cadence show each drawn frame late, faded into the one
before; here, each is shown where it was drawn, and frames between are seen from both sides.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

FADE = 1 / 8  # of the shorter side, over which a frame fades towards what it does not show


def drawn(frames: int, cadence: Callable[[int], float]) -> tuple[int, ...]:
    """Return the frames that are drawn: the first one, from each of them the one that its cadence,
    rounded, says, and the last one."""
    found = [0]
    while found[-1] < frames - 1:
        found.append(min(frames - 1, found[-1] + max(1, round(cadence(found[-1])))))
    return tuple(found)


def neighbours(drawn: Sequence[int], frame: int) -> tuple[int, int]:
    """Return the drawn frames before and after a frame that is not drawn itself."""
    place = bisect_right(drawn, frame)
    return drawn[place - 1], drawn[place]


def order(drawn: Sequence[int]) -> list[int]:
    """Return all frames in the order in which they are made: each drawn one, then those before it
    that are made of it."""
    made = [0]
    for before, after in pairwise(drawn):
        made += [after, *range(before + 1, after)]
    return made


def blended(one: Tensor, other: Tensor, lost: tuple[Tensor, Tensor], share: float) -> Tensor:
    """Return the blend (1, 3, H, W) of what two frames show of the one between them, which is at
    `share` of the way from the first to the second. `lost` are masks (1, 1, H, W) of the pixels
    that each does not show; those that neither shows are blended too. A frame fades towards what
    it does not show, so that its edge is no line in the picture."""
    import torch

    first, second = (torch.where(lost[0] & lost[1], 1.0, faded(mask)) for mask in lost)
    weights = first * (1 - share * second), second * (1 - (1 - share) * first)
    return (weights[0] * one + weights[1] * other) / (weights[0] + weights[1])


def faded(lost: Tensor) -> Tensor:
    """Return weights (1, 1, H, W): 0 where a mask is true, growing to 1 with the distance from
    it, over FADE of the shorter side. The edge of the picture itself is no such border."""
    import torch.nn.functional as F

    reach = max(1, round(FADE * min(lost.shape[2:])))
    grown = lost.float()
    total = grown.clone()
    for _ in range(reach - 1):
        grown = F.max_pool2d(grown, 3, 1, 1)
        total += grown
    return 1 - total / reach


def along(
    one: Tensor, other: Tensor, share: float, flow: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Return two pictures (1, 3, H, W) of one frame, each moved towards the other along the
    optical flow between them, so that they meet at `share` of the way.

    The flow there is that of both, interpolated as by Jiang et al. 2018, "Super SloMo",
    https://arxiv.org/abs/1712.00080, where there and back again agree; elsewhere there is none."""
    from guided.animation.warp import consistent, moved

    back, forth = flow(one, other), flow(other, one)  # to the first, to the second
    back = back * consistent(back, forth)[0, 0, :, :, None]
    forth = forth * consistent(forth, back)[0, 0, :, :, None]
    to_one = share**2 * back - share * (1 - share) * forth
    to_other = (1 - share) ** 2 * forth - share * (1 - share) * back
    return moved(one, to_one), moved(other, to_other)
