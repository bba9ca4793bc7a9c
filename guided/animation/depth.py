"""Depth: how far from the camera each pixel of a frame is.

Maps are of inverse depth, as depth networks and most programs make them: white is `near`, black
is `far`, in every frame alike, because extremes of each frame alone flicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from guided.animation.keyframes import Timing
from guided.animation.settings import Animation
from guided.errors import BadInput, shown
from guided.images import grey_levels, open_picture
from guided.untrusted.typed_paths import absence, expand, similar

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg")


@dataclass(frozen=True)
class Depth:
    """A folder with a map for each frame; after the last one, that holds."""

    paths: tuple[Path, ...]
    near: float
    far: float

    def at(self, image: Tensor, frame: int) -> Tensor:
        """Return the distances (1, 1, H, W) in a frame, whose picture is `image` (1, 3, H, W)."""
        import torch.nn.functional as F

        path = self.paths[min(frame, len(self.paths) - 1)]
        grey = open_picture("animate.depth", str(path)).convert("L")
        nearness = F.interpolate(grey_levels(grey), image.shape[2:], mode="bilinear")
        return self.distances(nearness)

    def distances(self, nearness: Tensor) -> Tensor:
        """Return the distances of nearness in [0, 1], which is linear in the inverse distance."""
        return 1 / (1 / self.far + nearness.clamp(0, 1) * (1 / self.near - 1 / self.far))


def read_depth(settings: Animation, timing: Timing) -> Depth | None:
    """Return the source of depth maps; None for a plane. Raise BadInput if the folder has none."""
    if not settings.is_deep:
        return None
    folder = expand("animate.depth", settings.depth)
    if not folder.is_dir():
        raise BadInput(
            f"animate.depth={shown(settings.depth)}: the folder {absence(folder)}"
            f"{similar(folder)}; plane needs none"
        )
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        raise BadInput(
            f"animate.depth={shown(settings.depth)} has no depth maps: a picture for each frame, "
            "in the order of their names, white is near"
        )
    return Depth(tuple(paths), settings.near, settings.far)
