"""The finished picture, image_0000.png, with its settings inside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, features

from guided.errors import check_number, not_one_of
from guided.images import picture, sharpened
from guided.interfaces import Enlarge, Frame, Output, Run
from guided.outputs.picture import settings_of
from guided.runs import record
from guided.runs.layout import SUFFIXES, image_name
from guided.schedule import AUTO

if TYPE_CHECKING:
    from torch import Tensor

LEAST, MOST = 512, 16  # auto: pixels of the shorter side, and times larger at most
LARGEST = {"webp": 16_383, "jpeg": 65_535, "avif": 65_535}  # pixels a side
MOST_PIXELS = 1 << 28  # as many as 16384x16384
LOSSY = ("webp", "avif", "jpeg")


@dataclass
class Still(Output):
    """Settings of the finished picture."""

    enlarge: Any = 1  # factor of the size; auto: until the shorter side has 512 pixels
    format: str = "png"  # file format
    quality: int | None = None  # of webp, avif and jpeg; null: lossless WebP, AVIF 90, JPEG 95
    sharpen: float = 0.0  # contrast of edges that is added after enlarging, from 0 to 3; 0: none
    dpi: int | None = None  # pixels of an inch on paper, that printing programs read; null: none

    def __post_init__(self) -> None:
        if self.enlarge != AUTO:
            check_number("enlarge", self.enlarge, 1, MOST, whole=True)
        self.format = {"jpg": "jpeg"}.get(self.format, self.format)
        if self.format not in SUFFIXES:
            raise ValueError(not_one_of("format", self.format, SUFFIXES))
        if self.quality is not None:
            check_number("quality", self.quality, 1, 100, whole=True)
            if self.format not in LOSSY:
                raise ValueError(
                    f"quality={self.quality} is for {', '.join(LOSSY)}; PNG loses nothing"
                )
        if self.format == "avif" and not features.check("avif"):
            raise ValueError("format=avif needs a Pillow with AVIF, which is not here; webp is")
        check_number("sharpen", self.sharpen, 0, 3)
        if self.dpi is not None:
            check_number("dpi", self.dpi, 1, 10_000, whole=True)

    def check(self, size: tuple[int, int], upscale: int = 1) -> None:
        """Raise ValueError if the picture, drawn at `size` (width, height) and then enlarged
        `upscale` times beside `enlarge`, is too large, or too large for its format."""
        times = self.times(size) * upscale
        width, height = (side * times for side in size)
        if width * height > MOST_PIXELS:
            most = math.isqrt(MOST_PIXELS // (size[0] * size[1])) // upscale
            raise ValueError(
                f"enlarge={self.enlarge} makes a picture of {width}x{height} pixels, and at most "
                f"{MOST_PIXELS} are made; "
                + (
                    f"the nearest is enlarge={most}"
                    if most
                    else f"not even upscale={upscale} fits"
                )
            )
        side = max(width, height)
        if side > LARGEST.get(self.format, side):
            raise ValueError(
                f"format={self.format} holds at most {LARGEST[self.format]} pixels a side, not "
                f"{side}; format=png holds more"
            )

    def times(self, size: tuple[int, int]) -> int:
        """Return the factor by which a picture of this size (width, height) is enlarged."""
        return min(MOST, math.ceil(LEAST / min(size))) if self.enlarge == AUTO else self.enlarge

    def finished_frame(self, frame: Frame, enlarge: Enlarge, upscale: int) -> Image.Image:
        """Return the finished picture of a last frame, as `finished`. `upscale`: a further factor
        of its size, by which it may have been drawn again already."""
        height, width = frame.image.shape[2:]
        image, times = frame.image, self.times((width, height)) * upscale
        if frame.larger is not None:
            image, times = frame.larger, self.times((width, height))
        return self.finished(image, enlarge, times, frame.manner, frame.seed)

    def finished(
        self, image: Tensor, enlarge: Enlarge, times: int, manner: str, seed: int
    ) -> Image.Image:
        """Return the finished picture of an image (1, 3, H, W) in [0, 1]: enlarged, rendered in a
        manner of drawing (if not "") and sharpened. What is random in the manner comes from the
        seed."""
        image = enlarge(image, times)
        if manner:
            from guided.outputs.manners import rendered

            image = rendered(image.cpu().float().clamp(0, 1), manner, seed)
        return sharpened(picture(image), self.sharpen) if self.sharpen else picture(image)

    @property
    def suffix(self) -> str:
        return SUFFIXES[self.format]

    @contextmanager
    def open(self, run: Run) -> Iterator[StillViewer]:
        yield StillViewer(self, run)


@dataclass
class StillViewer:
    """A writer of finished pictures."""

    settings: Still
    run: Run

    def see(self, frame: Frame) -> None:
        if not frame.last:
            return
        path = self.run.folder / image_name(frame.index, self.settings.suffix)
        settings = self.settings
        height, width = frame.image.shape[2:]
        shown = settings.finished_frame(frame, self.run.enlarge, self.run.upscale)
        facts = settings_of(self.run, frame)
        record.save(
            shown, path, facts, settings.format, settings.quality, settings.dpi, (width, height)
        )
