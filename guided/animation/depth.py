"""Depth: how far from the camera each pixel of a frame is.

Maps and estimates are of inverse depth, as depth networks and most programs make them: white is
`near`, black is `far`, in every frame alike, because extremes of each frame alone flicker. The
extremes of estimates are percentiles, averaged over the frames so far.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from guided.animation.settings import DEPTH_ANYTHING, Animation
from guided.errors import BadInput, shown
from guided.images import grey_levels, open_picture
from guided.untrusted.typed_paths import absence, expand, similar

if TYPE_CHECKING:
    from torch import Tensor

ENDINGS = (".png", ".tif", ".tiff", ".webp", ".jpg", ".jpeg")
FAR, NEAR = 0.02, 0.98  # shares of the pixels that may be farther than `far`, or than `near`
MEMORY = 0.9  # share of earlier frames in the extremes
KEPT = 3  # pictures: the drawn ones beside a frame, and the first of a loop
Range = list[float]  # estimates that are at `far` and at `near`
Nearness = Callable[["Tensor"], "Tensor"]  # a network's estimates (1, 1, h, w), in any unit


class Depth(Protocol):
    """A source of depths."""

    def at(
        self, image: Tensor, frame: int, before: Range | None, nearness: Nearness | None
    ) -> tuple[Tensor, Range | None]:
        """Return the distances (1, 1, H, W) in a frame, whose picture is `image` (1, 3, H, W), and
        the range of estimates after it, given that before it; None if there are none. `nearness`
        is the network, if the film has one."""
        ...


@dataclass(frozen=True)
class Maps:
    """A folder with a map for each frame; after the last one, that holds."""

    paths: tuple[Path, ...]
    near: float
    far: float

    def at(
        self, image: Tensor, frame: int, before: Range | None, nearness: Nearness | None
    ) -> tuple[Tensor, Range | None]:
        """Return the distances by the frame's map; see Depth."""
        import torch.nn.functional as F

        path = self.paths[min(frame, len(self.paths) - 1)]
        grey = open_picture("animate.depth", str(path)).convert("L")
        shares = F.interpolate(grey_levels(grey), image.shape[2:], mode="bilinear")
        return distances(shares, self.near, self.far), None


@dataclass(frozen=True)
class Estimates:
    """A network's estimates."""

    near: float
    far: float

    def at(
        self, image: Tensor, frame: int, before: Range | None, nearness: Nearness | None
    ) -> tuple[Tensor, Range | None]:
        """Return the distances by an estimate; see Depth."""
        import torch.nn.functional as F

        assert nearness is not None
        found = nearness(image)
        low, high = both = followed(before, found)
        shares = F.interpolate((found - low) / max(high - low, 1e-6), image.shape[2:],
                                 mode="bilinear", antialias=True)  # fmt: skip
        return distances(shares, self.near, self.far), both


@dataclass
class Remembered:
    """A network whose estimates of the last KEPT pictures are kept, because all frames between two
    drawn ones need those of both."""

    nearness: Nearness
    kept: list[tuple[Tensor, Tensor]] = field(default_factory=list)

    def __call__(self, image: Tensor) -> Tensor:
        """Return the estimates of a picture (1, 3, H, W)."""
        for k, (seen, found) in enumerate(self.kept):
            if seen.equal(image):
                self.kept.append(self.kept.pop(k))
                return found
        found = self.nearness(image)
        self.kept = [*self.kept, (image, found)][-KEPT:]
        return found


def followed(before: Range | None, found: Tensor) -> Range:
    """Return the range of estimates after a frame, given that before it and its estimates."""
    own = [float(found.flatten().float().quantile(share)) for share in (FAR, NEAR)]
    pairs = zip(before or own, own, strict=True)
    return [round(MEMORY * old + (1 - MEMORY) * new, 5) for old, new in pairs]


def distances(nearness: Tensor, near: float, far: float) -> Tensor:
    """Return the distances of nearness in [0, 1], which is linear in the inverse distance."""
    return 1 / (1 / far + nearness.clamp(0, 1) * (1 / near - 1 / far))


def read_depth(settings: Animation) -> Depth | None:
    """Return the source of depths; None for a plane. Raise BadInput if a folder has none."""
    if not settings.is_deep:
        return None
    if settings.depth == DEPTH_ANYTHING:
        return Estimates(settings.near, settings.far)
    folder = expand("animate.depth", settings.depth)
    if not folder.is_dir():
        raise BadInput(
            f"animate.depth={shown(settings.depth)}: the folder {absence(folder)}"
            f"{similar(folder)}; plane and {DEPTH_ANYTHING} need none"
        )
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not paths:
        raise BadInput(
            f"animate.depth={shown(settings.depth)} has no depth maps: a picture for each frame, "
            "in the order of their names, white is near"
        )
    return Maps(tuple(paths), settings.near, settings.far)
