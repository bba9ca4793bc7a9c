"""The frames of a video file, through PyAV, at the times of a film's frames.

A video is untrusted: its size and length are limited, and what cannot be decoded is told in one
line. Imports PyAV when a video is opened.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps

from guided.errors import BadInput, shown
from guided.untrusted.typed_paths import absence, expand, similar

LARGEST = 8192  # pixels a side
# Containers that hold their pictures themselves; FFmpeg's playlists and scripts open other files.
CONTAINERS = "mov,matroska,avi,mpegts,mpeg,flv,ogg,asf,gif,apng,mjpeg,h264,hevc,ivf,mxf"
OPTIONS = {"format_whitelist": CONTAINERS, "protocol_whitelist": "file"}
Later = Iterator[tuple[float, Image.Image]]


@dataclass
class Video:
    """A video, of which frame k of the film is the last picture that is shown at time k / fps."""

    path: str  # as typed
    fps: float  # of the film
    own_fps: float  # of the video
    seconds: float  # 0 if it does not say
    at: int = field(default=-1, compare=False)  # the frame of the film that was read last
    last: Image.Image | None = field(default=None, compare=False)
    # The picture behind it, and its time.
    following: tuple[float, Image.Image] | None = field(default=None, compare=False)
    pictures: Later | None = field(default=None, compare=False, repr=False)

    def frame(self, number: int, size: tuple[int, int]) -> Image.Image:
        """Return a frame of the film, cropped to a size (width, height); after the end the last
        one. In order, each picture is decoded once."""
        if self.pictures is None or number < self.at:
            self.pictures = decoded(self.path)
            self.last, self.following = None, next(self.pictures, None)
        time = number / self.fps + 1e-6
        while self.following is not None and (self.last is None or self.following[0] <= time):
            self.last, self.following = self.following[1], next(self.pictures, None)
        if self.last is None:
            raise BadInput(f"animate.video={shown(self.path)} has no pictures")
        self.at = number
        return ImageOps.fit(self.last, size, Image.Resampling.LANCZOS)


def decoded(path: str) -> Later:
    """Yield the time in seconds and the picture of each frame of a video."""
    import av

    try:
        with opened(expand("animate.video", path)) as container:
            start = None
            for frame in container.decode(video=0):
                time = float(frame.time or 0.0)
                start = time if start is None else start
                yield time - start, frame.to_image()
    except (av.FFmpegError, ValueError, OSError) as error:
        raise BadInput(f"animate.video={shown(path)} cannot be read: {error}") from error


def open_video(path: str, fps: float | None) -> Video:
    """Return a video; `fps` of the film, None for the video's own. Raise BadInput if it cannot be
    read."""
    place = expand("animate.video", path)
    if not place.is_file():
        raise BadInput(f"animate.video={shown(path)}: the file {absence(place)}{similar(place)}")
    if find_spec("av") is None:
        raise BadInput("animate=video needs PyAV, which is not here: pip install av")
    own, seconds = described(path, place)
    for _ in islice(decoded(path), 1):
        break
    else:
        raise BadInput(f"animate.video={shown(path)} has no pictures")
    return Video(path, own if fps is None else fps, own, seconds)


def opened(place: Path) -> Any:
    """Return the open container of a video, whose texts may be in any encoding."""
    import av

    path = str(place.absolute())  # "concat:..." would be a protocol
    return av.open(path, options=OPTIONS, metadata_errors="replace")


def described(path: str, place: Path) -> tuple[float, float]:
    """Return frames per second and seconds of a video; 0 if it does not say how long it is."""
    import av

    try:
        with opened(place) as container:
            stream: Any = next(iter(container.streams.video), None)
            if stream is None:
                raise BadInput(f"animate.video={shown(path)} has no pictures, but sound")
            if stream.codec_context is None:
                raise BadInput(f"animate.video={shown(path)} has pictures of an unknown codec")
            if max(stream.width, stream.height) > LARGEST:
                raise BadInput(
                    f"animate.video={shown(path)} has {stream.width}x{stream.height} pixels, and "
                    f"at most {LARGEST} a side are read"
                )
            fps = min(max(float(stream.average_rate or 12), 0.1), 120)
            seconds = (container.duration or 0) / av.time_base
    except (av.FFmpegError, OSError) as error:
        raise BadInput(f"animate.video={shown(path)} is no video that can be read") from error
    return fps, seconds
