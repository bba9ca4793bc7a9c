"""Uploaded pictures: decoded, and kept as PNG without anything else that was in their file."""

from __future__ import annotations

import warnings
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps

from guided.errors import BadInput
from guided.images import DAMAGED, FORMATS, flat
from guided.runs import files
from guided.studio.files_by_id import digest
from guided.studio.places import uploads_folder

MOST_PIXELS = 64_000_000
MOST_SIDE = 16_384
MOST_BYTES = 32 << 20
TOO_LARGE = (
    f"the upload is too large: at most {MOST_PIXELS // 10**6} million pixels are taken, "
    f"{MOST_SIDE} a side"
)


def save(root: Path, data: bytes, mask: bool = False) -> tuple[str, tuple[int, int]]:
    """Keep an uploaded picture and return its id and size (width, height). A mask is kept in grey.
    BadInput if it is no picture, or too large."""
    picture = decoded(data)
    picture = picture.convert("L") if mask else picture
    buffer = BytesIO()
    picture.save(buffer, "PNG", compress_level=4)
    name = digest(buffer.getvalue())
    folder = uploads_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    if not path.is_file():
        files.write(path, buffer.getvalue(), durable=True)
    return name, picture.size


def decoded(data: bytes) -> Image.Image:
    """Return the picture in a file's bytes as RGB, rotated by its EXIF orientation. BadInput if it
    cannot be read; its size is checked before its pixels are."""
    Image.init()
    formats = tuple(name for name in FORMATS if name in Image.OPEN)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large pictures, which are refused here
            with Image.open(BytesIO(data), formats=formats) as file:
                check_size(*file.size)
                return flat(ImageOps.exif_transpose(file))
    except BadInput:
        raise
    except Image.DecompressionBombError as error:  # far above what is taken here
        raise BadInput(TOO_LARGE) from error
    except Image.UnidentifiedImageError as error:
        raise BadInput(f"the upload is no picture of {', '.join(formats)}") from error
    except (*DAMAGED, MemoryError) as error:
        raise BadInput("the upload cannot be read as a picture: it is damaged") from error


def check_size(width: int, height: int) -> None:
    """Raise BadInput for a picture that is too large."""
    if width * height > MOST_PIXELS or max(width, height) > MOST_SIDE:
        raise BadInput(f"{TOO_LARGE}, and not {width}x{height}")
