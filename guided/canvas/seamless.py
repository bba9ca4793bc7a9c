"""Seamless pictures: opposite edges that meet, so that copies side by side show no seam.

Imports no torch before an image is enlarged.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PIL import Image, ImageChops

from guided.errors import BadInput, not_one_of
from guided.interfaces import Enlarge

if TYPE_CHECKING:
    from torch import Tensor

# Whether opposite edges meet (across, down), by the setting `tile`.
RINGS = {"none": (False, False), "x": (True, False), "y": (False, True), "both": (True, True)}
MARGIN = 16  # pixels beyond its own edge that an enlarged pixel may depend on
FAINT = 4  # of 255, mean difference of two columns that nobody sees


@dataclass(frozen=True)
class SeamlessEnlarger:
    """Enlarges images so that the edges still meet."""

    enlarge: Enlarge
    rings: tuple[bool, bool]  # across, down

    def __call__(self, image: Tensor, times: int) -> Tensor:
        """Return (1, 3, times * H, times * W) from (1, 3, H, W)."""
        import torch.nn.functional as F

        height, width = image.shape[2:]
        across, down = (
            min(MARGIN, side) if ring else 0
            for side, ring in zip((width, height), self.rings, strict=True)
        )
        image = F.pad(image, (across, across, down, down), "circular")
        top, left = times * down, times * across
        image = self.enlarge(image, times)
        return image[:, :, top : top + times * height, left : left + times * width]


def read_tile(value: object) -> str:
    """Return the setting `tile`; raise BadInput for another value."""
    tile = "none" if value is None or value is False else value
    if not isinstance(tile, str) or tile not in RINGS:
        raise BadInput(not_one_of("tile", tile, RINGS))
    return tile


def enlarging(enlarge: Enlarge, rings: tuple[bool, bool]) -> Enlarge:
    """Return `enlarge` for pictures whose edges meet along the axes in `rings`."""
    return SeamlessEnlarger(enlarge, rings) if any(rings) else enlarge


def check_edges(tile: str, init: str, picture: Image.Image) -> None:
    """Raise BadInput if the picture (`init=...`) has a seam where the setting `tile` lets edges
    meet: if they differ more than any two neighbouring lines within it."""
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    views = (picture, "left and right"), (turned, "upper and lower")
    for (view, edges), ring in zip(views, RINGS[tile], strict=True):
        seam, *within = line_differences(view)
        most = max(within, default=0)
        if ring and seam > max(most, FAINT):
            raise BadInput(
                f"tile={tile}: the {edges} edges of init={init} do not meet: they differ by "
                f"{seam} of 255, neighbouring lines by {most} at most; tile=none, or an init "
                "whose edges meet, as init=perlin"
            )


def line_differences(picture: Image.Image) -> list[int]:
    """Return the mean difference (0..255) of each column of an RGB picture to the one on its left,
    that of the first to the last."""
    change = ImageChops.difference(picture, ImageChops.offset(picture, 1, 0)).convert("L")
    return list(change.resize((picture.width, 1), Image.Resampling.BOX).tobytes())
