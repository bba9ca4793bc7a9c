"""Optical flow between two pictures by a method of choice: without a network (lucas_kanade.py), by
OpenCV (dis.py), or by a network that is given.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

# Of two pictures (1, 3, H, W) in [0, 1], the flow (H, W, 2) in pixels: what is at p in the second
# was at p + flow in the first.
Flow = Callable[["Tensor", "Tensor"], "Tensor"]


def method(name: str, network: Flow | None) -> Flow:
    """Return the method of optical flow of that name, which may be a network's."""
    from guided.animation import dis, lucas_kanade

    known: dict[str, Flow] = {"lucas_kanade": lucas_kanade.flow, "dis": dis.flow}
    found = known.get(name, network)
    assert found is not None
    return found
