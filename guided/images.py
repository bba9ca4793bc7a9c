"""Pictures from files, upright and in plain RGB, whatever they were. Imports no torch before a
tensor is asked for.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from PIL import Image, ImageOps

from guided.errors import BadInput
from guided.untrusted.typed_paths import expand

if TYPE_CHECKING:
    from torch import Tensor

# What Pillow decodes by itself; for others it would start programs, as Ghostscript for PostScript.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")


def check_picture(setting: str, path: str) -> None:
    """BadInput naming the setting unless the file is there and a whole picture."""
    open_picture(setting, path)


def open_picture(setting: str, path: str) -> Image.Image:
    """RGB, turned upright as its camera says, transparency over white; of several frames the
    first. BadInput names the setting when that cannot be had of the file."""
    if path.startswith(("http://", "https://")):
        raise BadInput(f"{setting}={path} is a link: fetch it, and give the file")
    place = expand(setting, path)
    if not place.is_file():
        what = "is a folder" if place.is_dir() else "is not there"
        raise BadInput(f"{setting}={path}: the file {what}")
    Image.init()
    known = tuple(name for name in FORMATS if name in Image.OPEN)  # AVIF not everywhere
    try:
        with warnings.catch_warnings(), Image.open(place, formats=known) as file:
            # Pillow warns of pictures above 89 million pixels and refuses those of twice as many.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return flat(ImageOps.exif_transpose(file))
    except Image.UnidentifiedImageError as error:
        raise BadInput(f"{setting}={path} is no picture that can be read") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise BadInput(f"{setting}={path} cannot be read as a picture: {error}") from error


def flat(picture: Image.Image) -> Image.Image:
    """Any mode -> RGB, over white where it is transparent."""
    if picture.mode.startswith("I"):  # 16 bits of gray, which Pillow would cut off at 255
        picture = picture.convert("I").point(lambda level: level / 257).convert("L")
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def read_picture(path: str) -> Tensor:
    """(1, 3, H, W) in [0, 1]."""
    return tensor(open_picture("picture", path))


def tensor(picture: Image.Image) -> Tensor:
    """RGB -> (1, 3, H, W) in [0, 1]."""
    import torch

    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    shaped = pixels.view(picture.height, picture.width, 3)
    return shaped.permute(2, 0, 1)[None].float() / 255


def square(image: Tensor) -> Tensor:
    """Letter-boxed to a square with the image's mean colour, so that CLIP sees all of it in its
    true shape, and bars that are no part of any object."""
    height, width = image.shape[2:]
    if height == width:
        return image
    import torch.nn.functional as F

    side = max(height, width)
    mean = image.detach().mean((2, 3), keepdim=True)
    top, left = (side - height) // 2, (side - width) // 2
    pad = (left, side - width - left, top, side - height - top)
    return F.pad(image - mean, pad) + mean


def middle(image: Tensor) -> Tensor:
    """The largest square in the middle."""
    height, width = image.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, :, top : top + side, left : left + side]
