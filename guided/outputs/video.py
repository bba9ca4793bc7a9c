"""A film of the sampling, video_0000.mp4: the prediction at every few steps.

Its frames are files in .work/frames/0000/ until the last step, so that a resumed run continues
the film; then they are encoded and removed.
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
from guided.outputs.picture import settings_of
from guided.runs import files, layout, record
from guided.timeline import MOST_STEPS

MOST_FPS = {"mp4": 120, "gif": 50, "webp": 120}  # browsers slow down a faster GIF
LARGEST = {"mp4": 8192, "gif": 65_535, "webp": 16_383}  # pixels a side


@dataclass
class Video(Output):
    """Settings of the film."""

    format: str = "mp4"  # mp4 needs PyAV: pip install av
    every: int = 1  # steps from one frame to the next
    fps: float = 12.0  # frames per second
    hold: float = 2.0  # seconds for which the finished picture is shown
    enlarge: int = 1  # factor of the frames' size
    quality: int = 85  # of mp4 and webp

    def __post_init__(self) -> None:
        if self.format not in MOST_FPS:
            raise ValueError(not_one_of("format", self.format, MOST_FPS))
        if self.format == "mp4" and find_spec("av") is None:
            raise ValueError(
                "format=mp4 needs PyAV, which is not here: pip install av; format=webp and "
                "format=gif need nothing more"
            )
        check_number("every", self.every, 1, MOST_STEPS, whole=True)
        check_number("fps", self.fps, 0.1, MOST_FPS[self.format])
        check_number("hold", self.hold, 0, 60)
        check_number("enlarge", self.enlarge, 1, 16, whole=True)
        check_number("quality", self.quality, 1, 100, whole=True)

    def check(self, size: tuple[int, int]) -> None:
        """Raise ValueError if the format cannot hold a film of this size (width, height)."""
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
    """Return a frame of these pictures that cannot be decoded or differs in size from those before
    it; None if there is none."""
    for number in numbers:
        size = None
        for path in sorted(layout.frames_folder(folder, number).glob("*.png")):
            try:
                with Image.open(path, formats=("PNG",)) as image:
                    image.load()
            except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
                return path
            if image.size != (size := size or image.size):
                return path
    return None


def remove_frames(folder: Path, numbers: Iterable[int]) -> None:
    """Remove the frames of these pictures, which are begun anew."""
    for number in numbers:
        shutil.rmtree(layout.frames_folder(folder, number), ignore_errors=True)


@dataclass
class VideoViewer:
    """A writer of frames, and of the film after the last one."""

    settings: Video
    run: Run

    def see(self, frame: Frame) -> None:
        chosen = self.settings
        path = self.run.folder / layout.film_name(frame.index, chosen.format)
        if path.exists():  # the run was stopped after the film was written
            return
        if (frame.step - 1) % chosen.every and not frame.last:
            return
        folder = layout.frames_folder(self.run.folder, frame.index)
        files.make_folder(self.run.folder, folder)
        image = picture(self.run.enlarge(frame.image, chosen.enlarge))
        buffer = BytesIO()
        image.save(buffer, "PNG", compress_level=1)  # light, because the file is temporary
        files.write(folder / f"{frame.step:06d}.png", buffer.getvalue())
        if frame.last:
            film = Film(chosen.format, chosen.fps, chosen.hold, chosen.quality)
            height, width = frame.image.shape[2:]
            texts = record.texts(settings_of(self.run, frame), image.size, (width, height))
            files.write(path, film.encode(sorted(folder.glob("*.png")), texts))
            shutil.rmtree(folder)
