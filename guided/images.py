"""Pictures: files to RGB, Pillow pictures to tensors and back, cropping and letter-boxing.

Imports torch only where a tensor is needed.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

from PIL import Image, ImageFilter, ImageOps

from guided.errors import BadInput
from guided.untrusted.typed_paths import absence, expand, similar

if TYPE_CHECKING:
    from torch import Tensor

Decoded = TypeVar("Decoded")
# Decoded by Pillow itself: for others it starts programs, such as Ghostscript for PostScript.
DAMAGED = (
    *(OSError, EOFError, ValueError, TypeError, LookupError, ArithmeticError, SyntaxError),
    *(RuntimeError, Image.DecompressionBombError),  # Pillow's decoders of damaged files
)
LUMA = (0.299, 0.587, 0.114)  # how light red, green and blue are, ITU-R BT.601
NEARLY = 5  # levels of 255 that lossy files add to black and take from white
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM")


def rgb(colour: str) -> tuple[float, float, float] | None:
    """Return the red, green and blue of `#rrggbb` in [0, 1]; None if it is no such colour."""
    if not re.fullmatch("#[0-9a-fA-F]{6}", colour):
        return None
    red, green, blue = (int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5))
    return red, green, blue


def check_picture(setting: str, path: str) -> None:
    """Raise BadInput, naming the setting, unless the file is a readable picture."""
    open_picture(setting, path)


def open_picture(setting: str, path: str) -> Image.Image:
    """Return the file's first frame as RGB, rotated by its EXIF orientation, transparency over
    white. Raise BadInput, naming the setting, if it cannot be read."""
    return decoded(setting, path, flat)


def open_alpha(setting: str, path: str) -> Image.Image | None:
    """Return the opacity of the file's first frame as a grey picture, rotated by its EXIF
    orientation; None if it has no transparency. Raise BadInput as `open_picture`."""
    return decoded(setting, path, opacity)


def decoded(setting: str, path: str, convert: Callable[[Image.Image], Decoded]) -> Decoded:
    """Return `convert` of the file's first frame, rotated by its EXIF orientation."""
    place = expand(setting, path)
    if not place.is_file():
        raise BadInput(f"{setting}={path}: the file {absence(place)}{similar(place)}")
    Image.init()
    formats = tuple(name for name in FORMATS if name in Image.OPEN)  # AVIF is optional
    try:
        with warnings.catch_warnings():
            # Pillow warns of pictures above 89 million pixels and refuses those of twice as many.
            warnings.simplefilter("ignore")
            with Image.open(place, formats=formats) as file:
                return convert(ImageOps.exif_transpose(file))
    except Image.UnidentifiedImageError as error:
        raise BadInput(
            f"{setting}={path} is no picture that can be read, of {', '.join(formats)} with 8 or "
            "16 bits; save it as PNG or JPEG"
        ) from error
    except DAMAGED as error:
        spoken = isinstance(error, (OSError, SyntaxError, Image.DecompressionBombError, Levels))
        # Without the number of an error of the system; the words of others are Python's own.
        why = (getattr(error, "strerror", None) or error) if spoken else "it is damaged"
        raise BadInput(f"{setting}={path} cannot be read as a picture: {why}") from error


class Levels(ValueError):
    """The levels of a picture of 16 or 32 bits are in no known range."""


def open_mask(setting: str, path: str, size: tuple[int, int]) -> Image.Image:
    """Return a mask in a file as a grey picture of `size` (width, height). Raise BadInput, naming
    the setting, if it cannot be read, is of another shape than that size, or black all over."""
    mask = open_picture(setting, path).convert("L")
    named = f"{setting}={path}"
    if abs(mask.width * size[1] - mask.height * size[0]) > max(size):  # of more than a pixel
        raise BadInput(
            f"{named} is of {mask.width}x{mask.height} pixels, another shape than size="
            f"[{size[0]},{size[1]}]: a mask shows the whole picture"
        )
    # Bilinear, because Lanczos would ring at the edges. Files with losses have no pure black.
    mask = mask.resize(size, Image.Resampling.BILINEAR)
    mask = mask.point([0 if level <= NEARLY else level for level in range(256)])
    if mask.getbbox() is None:
        raise BadInput(f"{named} is black all over: it is white where its region is")
    return mask


def flat(picture: Image.Image) -> Image.Image:
    """Return a picture of any mode as RGB, composited over white where it is transparent, without
    what its file says of it."""
    if picture.mode.startswith(("I", "F")):
        picture = grey(picture)
    if picture.has_transparency_data:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    picture = picture.convert("RGB")
    picture.info = {}  # a profile that is made for LAB has the time in it
    return picture


def opacity(picture: Image.Image) -> Image.Image | None:
    """Return the alpha channel of a picture; None if it has no transparency."""
    if not picture.has_transparency_data:
        return None
    return picture.convert("RGBA").getchannel("A")


def grey(picture: Image.Image) -> Image.Image:
    """Return a picture of one channel of 16 or 32 bits, which Pillow would clip at 255, with 8
    bits. Its levels are from 0 to 65535, or 255; floats from 0 to 1, or 255. Raise Levels for
    others."""
    import numpy as np

    levels = np.asarray(picture)
    limits = {"F": (1, 255), "I": (255, 65535)}.get(picture.mode, (65535,))  # I;16
    low, high = levels.min(), levels.max()  # NaN if any is
    full = next((limit for limit in limits if low >= 0 and high <= limit), None)
    if full is None:
        raise Levels(
            f"its levels are from {low:g} to {high:g}; floats must be from 0 to 1, whole numbers "
            "from 0 to 255 or 65535"
        )
    whole = levels * (255 / full) + 0.5 if picture.mode == "F" else levels // (full // 255)
    return Image.fromarray(whole.astype(np.uint8))


def read_picture(path: str) -> Tensor:
    """Return the picture in a file as a tensor (1, 3, H, W) in [0, 1]."""
    return tensor(open_picture("picture", path))


def levels(picture: Image.Image) -> Tensor:
    """Return the 8-bit levels (3, H, W) of an RGB picture, channels last in memory."""
    import torch

    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return values.view(picture.height, picture.width, 3).permute(2, 0, 1)


def grey_levels(picture: Image.Image) -> Tensor:
    """Return a grey picture as a tensor (1, 1, H, W) in [0, 1]."""
    import torch

    values = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return values.view(1, 1, picture.height, picture.width).float() / 255


def masked_box(mask: Tensor) -> tuple[int, int, int, int]:
    """Return (left, top, right, bottom) of the pixels of a mask (1, 1, H, W) that are not 0."""
    rows, columns = (mask[0, 0].sum(dim).nonzero().flatten().tolist() for dim in (1, 0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


def tensor(picture: Image.Image) -> Tensor:
    """Return an RGB picture as a tensor (1, 3, H, W) in [0, 1]."""
    return levels(picture)[None].float() / 255


def picture(image: Tensor) -> Image.Image:
    """Return a tensor (1, 3, H, W), clamped to [0, 1], as an 8-bit RGB picture."""
    values = (image[0].detach().clamp(0, 1) * 255).round().byte()
    return Image.fromarray(values.permute(1, 2, 0).cpu().numpy())


def sharpened(picture: Image.Image, amount: float) -> Image.Image:
    """Return the picture with unsharp masking: `amount` times its difference from itself blurred
    is added, where that is more than noise. The blur's radius is that of the finest detail, 1 of
    1024 pixels of the shorter side, at least one pixel."""
    radius = max(1.0, min(picture.size) / 1024)
    return picture.filter(ImageFilter.UnsharpMask(radius, round(100 * amount), threshold=1))


def square(image: Tensor) -> Tensor:
    """Return the image (B, 3, H, W) letter-boxed to a square, so that CLIP sees all of it in its
    true proportions. The bars have each image's mean colour and pass no gradient to it."""
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
    """Return the largest centred square of the image (B, 3, H, W)."""
    height, width = image.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, :, top : top + side, left : left + side]


def contact_sheet(pictures: Sequence[Image.Image], columns: int, gap: int) -> Image.Image:
    """Return RGB pictures in rows of `columns` on white. Each row is as high as its highest
    picture, with `gap` pixels right of and below each; negative: pictures overlap."""
    rows = [pictures[k : k + columns] for k in range(0, len(pictures), columns)]
    width = max(picture.width for picture in pictures) + gap
    heights = [max(picture.height for picture in row) + gap for row in rows]
    beyond = max(-gap, 0)
    sheet = Image.new("RGB", (columns * width + beyond, sum(heights) + beyond), "white")
    for number, row in enumerate(rows):
        for column, picture in enumerate(row):
            sheet.paste(picture, (column * width, sum(heights[:number])))
    return sheet
