"""The contact sheet, sheet.png: one row per image, the guess at evenly spaced steps.

Each image's row is a file of its own, strips/0000.png, which grows while it is drawn; the sheet is
pasted from those there are, whoever drew them and when. So nothing is held in memory, and
a run that was stopped goes on with its sheet. After 50 images a new sheet begins, named after
its first image (sheet_0050.png).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from guided.errors import check_number
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.runs import record

STRIPS = "strips"  # the folder
GAP = 4  # pixels around and between pictures
ROWS = 50
SEEN_AGAIN = 20  # times at most


@dataclass
class Sheet(Output):
    columns: int = 8
    height: int = 128  # of each picture, in pixels

    def __post_init__(self) -> None:
        check_number("columns", self.columns, 1, 100, whole=True)
        check_number("height", self.height, 16, 1024, whole=True)

    @contextmanager
    def open(self, run: Run) -> Iterator[SheetViewer]:
        (run.folder / STRIPS).mkdir(exist_ok=True)
        yield SheetViewer(self, run.folder)


@dataclass
class SheetViewer:
    settings: Sheet
    folder: Path

    def see(self, frame: Frame) -> None:
        steps = chosen(frame.steps, self.settings.columns)
        if frame.step in steps:
            path = self.folder / STRIPS / f"{frame.index:04d}.png"
            tile = self._small(picture(frame.image))
            save(with_tile(read(path), tile, steps.index(frame.step)), path)
        if frame.last:
            paste(self.folder, frame.index // ROWS * ROWS)

    def _small(self, image: Image.Image) -> Image.Image:
        height = self.settings.height
        width = max(1, round(image.width * height / image.height))
        return image.resize((width, height), Image.Resampling.LANCZOS)


def chosen(steps: int, columns: int) -> list[int]:
    columns = min(columns, steps)
    return [round((k + 1) * steps / columns) for k in range(columns)]


def with_tile(strip: Image.Image | None, tile: Image.Image, column: int) -> Image.Image:
    """The strip with the tile in its place. Where it was already, a run goes on from before."""
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


def paste(folder: Path, first: int) -> None:
    """The sheet that begins with image `first`. Several may paste at once: whoever is the last to
    write has seen every strip, because each looks again afterwards."""
    for _ in range(SEEN_AGAIN):
        before = there(folder, first)
        strips = [strip for path in before if (strip := read(path)) is not None]
        if not strips:
            return
        width = max(strip.width for strip in strips)
        sheet = Image.new("RGB", (width, sum(s.height - GAP for s in strips) + GAP), "white")
        top = 0
        for strip in strips:
            sheet.paste(strip, (0, top))
            top += strip.height - GAP
        save(sheet, folder / (f"sheet_{first:04d}.png" if first else "sheet.png"))
        if there(folder, first) == before:
            return


def there(folder: Path, first: int) -> dict[Path, tuple[int, int]]:
    """The strips of a sheet, and which writing of each it is."""
    found = {}
    for k in range(first, first + ROWS):
        path = folder / STRIPS / f"{k:04d}.png"
        if path.exists():
            about = path.stat()
            found[path] = (about.st_ino, about.st_mtime_ns)
    return found


def read(path: Path) -> Image.Image | None:
    """None where there is none that can be read."""
    try:
        with Image.open(path, formats=("PNG",)) as image:
            return image.convert("RGB")
    except (OSError, ValueError, SyntaxError):
        return None


def save(image: Image.Image, path: Path) -> None:
    """Packed quickly: it is written again and again."""
    buffer = BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    record.write(path, buffer.getvalue())
