"""Pictures from files: checked early, read late. Imports no torch before one is read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from guided.errors import BadInput

if TYPE_CHECKING:
    from torch import Tensor


def check_picture(setting: str, path: str) -> None:
    """BadInput naming the setting unless the file is there and its header is a picture's."""
    place = Path(path).expanduser()
    if not place.is_file():
        raise BadInput(f"{setting}={path}: there is no such file")
    try:
        with Image.open(place):
            pass
    except (OSError, Image.DecompressionBombError) as error:
        raise BadInput(f"{setting}={path} cannot be read as a picture: {error}") from error


def read_picture(path: str) -> Tensor:
    """(1, 3, H, W) in [0, 1], turned upright as its camera says, transparency over white."""
    import torch

    with Image.open(Path(path).expanduser()) as file:
        picture = ImageOps.exif_transpose(file).convert("RGBA")
    white = Image.new("RGBA", picture.size, "white")
    picture = Image.alpha_composite(white, picture).convert("RGB")
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    shaped = pixels.view(picture.height, picture.width, 3)
    return shaped.permute(2, 0, 1)[None].float() / 255
