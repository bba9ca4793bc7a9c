"""Settings of the mask, mask=sky.png mask.blur=8: the part of the init picture to draw anew.

guided.canvas.mask checks them, so that the schema of all settings imports no more than this file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass
class MaskSettings:
    """Settings of the mask."""

    # what is drawn anew: a picture, where it is white; a box [left,top,right,bottom] in shares of
    # the canvas; alpha, where the init picture is transparent; null, all of it
    area: Any = None
    invert: bool = False  # draw anew what area leaves, and keep what it names
    grow: int = 0  # pixels, up to 512, by which the mask is widened; negative, narrowed
    blur: float = 0.0  # standard deviation of a blur of its edge, in pixels, up to 512
    # how often each stretch of steps is drawn, 1 to 100 or a schedule, with noise added again in
    # between; above 1, new pixels suit the kept ones better
    jumps: Any = 1
    jump: int = 10  # steps of such a stretch, 1 to 1000

    @property
    def changed(self) -> list[str]:
        """Return the names of the settings that are set, area left aside: without a mask they
        have no effect."""
        usual = MaskSettings()
        names = ("invert", "grow", "blur", "jumps", "jump")
        return [name for name in names if getattr(self, name) != getattr(usual, name)]
