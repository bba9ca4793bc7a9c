"""The finished picture, image_0000.png, with its settings inside."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from guided.errors import check_number, not_one_of
from guided.images import picture
from guided.interfaces import Frame, Output, Run
from guided.outputs.picture import settings_of
from guided.runs import record
from guided.runs.layout import SUFFIXES, image_name
from guided.schedule import AUTO

LEAST, MOST = 512, 16  # auto: pixels of the shorter side, and times larger at most
LARGEST = {"webp": 16_383, "jpeg": 65_535}  # pixels a side


@dataclass
class Still(Output):
    """Settings of the finished picture."""

    enlarge: Any = 1  # factor of the size; auto: until the shorter side has 512 pixels
    format: str = "png"  # file format
    quality: int | None = None  # of webp and jpeg; null: lossless WebP, JPEG 95

    def __post_init__(self) -> None:
        if self.enlarge != AUTO:
            check_number("enlarge", self.enlarge, 1, MOST, whole=True)
        self.format = {"jpg": "jpeg"}.get(self.format, self.format)
        if self.format not in SUFFIXES:
            raise ValueError(not_one_of("format", self.format, SUFFIXES))
        if self.quality is not None:
            check_number("quality", self.quality, 1, 100, whole=True)
            if self.format == "png":
                raise ValueError(f"quality={self.quality} is for webp and jpeg; PNG loses nothing")

    def check(self, size: tuple[int, int]) -> None:
        """Raise ValueError if the format cannot hold a picture of this size (width, height)."""
        side = max(size) * self.times(size)
        if side > LARGEST.get(self.format, side):
            raise ValueError(
                f"format={self.format} holds at most {LARGEST[self.format]} pixels a side, not "
                f"{side}; format=png holds more"
            )

    def times(self, size: tuple[int, int]) -> int:
        """Return the factor by which a picture of this size (width, height) is enlarged."""
        return min(MOST, math.ceil(LEAST / min(size))) if self.enlarge == AUTO else self.enlarge

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
        height, width = frame.image.shape[2:]
        image = picture(self.run.enlarge(frame.image, self.settings.times((width, height))))
        settings = settings_of(self.run, frame)
        record.save(image, path, settings, self.settings.format, self.settings.quality)
