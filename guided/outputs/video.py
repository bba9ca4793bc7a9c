"""A film of the making, video_0000.mp4: the guess after every so many steps.

Its pictures wait in .work/frames/0000/ until the last step, so that a run that was stopped goes on
with its film; then they are put together and thrown away.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

from PIL import Image

from guided.errors import check_number, not_one_of
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.outputs.film import Film
from guided.outputs.picture import made
from guided.runs import record

FASTEST = {"mp4": 120, "gif": 50, "webp": 120}  # pictures a second; browsers slow a GIF above it
LARGEST = {"mp4": 8192, "gif": 65_535, "webp": 16_383}  # pixels a side
FRAMES = Path(".work") / "frames"


@dataclass
class Video(Output):
    format: str = "mp4"  # or gif, webp
    every: int = 1  # steps from one picture to the next; the last step is there in any case
    fps: float = 12.0  # pictures a second
    hold: float = 2.0  # seconds that the finished picture stays
    enlarge: int = 1  # how many times larger than it was drawn
    quality: int = 85  # 1 to 100, of mp4 and webp

    def __post_init__(self) -> None:
        if self.format not in FASTEST:
            raise ValueError(not_one_of("format", self.format, FASTEST))
        if self.format == "mp4" and find_spec("av") is None:
            raise ValueError(
                "format=mp4 needs PyAV, which is not here: pip install av; format=webp and "
                "format=gif need nothing more"
            )
        check_number("every", self.every, 1, whole=True)
        check_number("fps", self.fps, 0.1, FASTEST[self.format])
        check_number("hold", self.hold, 0, 60)
        check_number("enlarge", self.enlarge, 1, 16, whole=True)
        check_number("quality", self.quality, 1, 100, whole=True)

    def check(self, size: tuple[int, int]) -> None:
        side = max(size) * self.enlarge
        if side > LARGEST[self.format]:
            raise ValueError(
                f"format={self.format} holds at most {LARGEST[self.format]} pixels a side, not "
                f"{side}; output.video.enlarge makes it smaller"
            )

    @contextmanager
    def open(self, run: Run) -> Iterator[VideoViewer]:
        yield VideoViewer(self, run)


def damaged_frame(folder: Path, numbers: Iterable[int]) -> Path | None:
    """Return a frame of these pictures of a run's folder that cannot be read as a whole, or is of
    another size than those before it; None when there is none."""
    for number in numbers:
        size = None
        for path in sorted((folder / FRAMES / f"{number:04d}").glob("*.png")):
            try:
                with Image.open(path, formats=("PNG",)) as image:
                    image.load()
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                return path
            if image.size != (size := size or image.size):
                return path
    return None


def remove_frames(folder: Path, numbers: Iterable[int]) -> None:
    """Remove what waits for the films of these pictures, which are begun anew."""
    for number in numbers:
        shutil.rmtree(folder / FRAMES / f"{number:04d}", ignore_errors=True)


@dataclass
class VideoViewer:
    settings: Video
    run: Run

    def see(self, frame: Frame) -> None:
        chosen = self.settings
        path = self.run.folder / f"video_{frame.index:04d}.{chosen.format}"
        if path.exists():  # stopped behind it, a run goes on from a step before its end
            return
        if (frame.step - 1) % chosen.every and not frame.last:
            return
        folder = self.run.folder / FRAMES / f"{frame.index:04d}"
        folder.mkdir(parents=True, exist_ok=True)
        image = picture(self.run.enlarge(frame.image, chosen.enlarge))
        buffer = BytesIO()
        image.save(buffer, "PNG", compress_level=1)  # packed quickly: it does not stay
        record.write(folder / f"{frame.step:06d}.png", buffer.getvalue())
        if frame.last:
            film = Film(chosen.format, chosen.fps, chosen.hold, chosen.quality)
            texts = record.texts(made(self.run, frame), image.size)
            record.write(path, film.encode(sorted(folder.glob("*.png")), texts))
            shutil.rmtree(folder)
