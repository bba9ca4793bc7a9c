"""From a tensor to a picture that can be saved."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

if TYPE_CHECKING:
    from torch import Tensor


def picture(image: Tensor) -> Image.Image:
    """(1, 3, H, W), nominally in [0, 1] -> 8-bit RGB."""
    levels = (image[0].detach().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(levels.permute(1, 2, 0).cpu().numpy())
