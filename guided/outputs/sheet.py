"""The contact sheet sheet.png: one row per image, its prediction at evenly spaced steps.

The row of each image is a file, strips/0000.png, which grows while the image is drawn; the sheet
is made from the strips that are there, so several workers can write it, and it survives a stop.
After 50 images a new sheet begins, named after its first image (sheet_0050.png).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from guided.errors import check_number
from guided.images import contact_sheet, picture
from guided.interfaces import Frame, Output, Run
from guided.runs import files, layout

GAP = 4  # pixels around and between pictures
ROWS = 50
MOST_ATTEMPTS = 20


@dataclass
class Sheet(Output):
    """Settings of the contact sheet."""

    columns: int = 8  # steps that are shown
    height: int = 128  # of each picture, in pixels

    def __post_init__(self) -> None:
        check_number("columns", self.columns, 1, 100, whole=True)
        check_number("height", self.height, 16, 1024, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[SheetViewer]:
        (run.folder / layout.STRIPS).mkdir(exist_ok=True)
        yield SheetViewer(self, run.folder)


@dataclass
class SheetViewer:
    """A writer of strips and of the sheets made from them."""

    settings: Sheet
    folder: Path

    def see(self, frame: Frame) -> None:
        steps = chosen_steps(frame.steps, self.settings.columns)
        if frame.step in steps:
            path = layout.strip_path(self.folder, frame.index)
            tile = self._small(picture(frame.image))
            save(with_tile(read(path), tile, steps.index(frame.step)), path)
        if frame.last:
            write_sheet(self.folder, frame.index // ROWS * ROWS)

    def _small(self, image: Image.Image) -> Image.Image:
        height = self.settings.height
        width = max(1, round(image.width * height / image.height))
        return image.resize((width, height), Image.Resampling.LANCZOS)


def chosen_steps(steps: int, columns: int) -> list[int]:
    """Return at most `columns` evenly spaced steps, of which the last is `steps`."""
    columns = min(columns, steps)
    return [round((k + 1) * steps / columns) for k in range(columns)]


def with_tile(strip: Image.Image | None, tile: Image.Image, column: int) -> Image.Image:
    """Return the strip with a tile in its column, in place of an earlier one of a resumed run."""
    height, left = tile.height + 2 * GAP, GAP + column * (tile.width + GAP)
    width = left + tile.width + GAP
    if strip is None or strip.height != height:
        strip = Image.new("RGB", (width, height), "white")
    elif strip.width < width:
        longer = Image.new("RGB", (width, height), "white")
        longer.paste(strip, (0, 0))
        strip = longer
    strip.paste(tile, (left, GAP))
    return strip


def write_sheet(folder: Path, first: int) -> None:
    """Write the sheet that begins with image `first`. Several workers may do so at once: each
    tries again if strips have changed meanwhile, so the last to write has read every strip."""
    for _ in range(MOST_ATTEMPTS):
        versions = strip_versions(folder, first)
        strips = [strip for path in versions if (strip := read(path)) is not None]
        if not strips:
            return
        save(contact_sheet(strips, 1, -GAP), folder / layout.sheet_name(first))
        if strip_versions(folder, first) == versions:
            return


def strip_versions(folder: Path, first: int) -> dict[Path, tuple[int, int]]:
    """Return the strips of a sheet with their inode and time of writing (ns)."""
    versions = {}
    for number in range(first, first + ROWS):
        path = layout.strip_path(folder, number)
        if path.exists():
            status = path.stat()
            versions[path] = (status.st_ino, status.st_mtime_ns)
    return versions


def read(path: Path) -> Image.Image | None:
    """Return a PNG; None if it cannot be read."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None


def save(image: Image.Image, path: Path) -> None:
    """Write a PNG with light compression, because it is written again and again."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    files.write(path, buffer.getvalue())
