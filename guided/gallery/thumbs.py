"""Thumbnails: WebP pictures of bounded size."""

from io import BytesIO
from pathlib import Path

from PIL import Image

from guided.images import flat
from guided.runs import files

SIDE = 320  # pixels, the longer one
BYTES = 12 * 1024  # a thousand of them stay under 12 MB
QUALITIES = (75, 45, 20, 5)  # the first whose file fits is taken
FORMATS = ("PNG", "WEBP", "AVIF", "JPEG")


def make(picture: Path, thumb: Path) -> tuple[int, int]:
    """Write a thumbnail, and return the picture's width and height. Raises Pillow's errors."""
    with Image.open(picture, formats=FORMATS) as image:
        size = image.size
        image.draft("RGB", (SIDE, SIDE))
        small = flat(image)
    small.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    files.write(thumb, encoded(small))
    return size


def encoded(small: Image.Image) -> bytes:
    """Return a WebP of at most BYTES where the lowest quality allows it."""
    for quality in QUALITIES:
        buffer = BytesIO()
        small.save(buffer, "WEBP", quality=quality, method=2)
        if buffer.tell() <= BYTES:
            break
    return buffer.getvalue()
