"""The progress of a batch: pictures done, pictures an hour, time left."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from guided.runs.manifest import DONE, Manifest

INTERVAL = 10.0  # seconds between lines without a terminal


@dataclass
class Throughput:
    """Counts of a batch's pictures, and the rate since this process began, whoever draws them."""

    pictures: int = 0
    unit: str = "pictures"  # or the frames of a film
    closed: int = 0  # done, failed or skipped
    done: int = 0
    done_before: int | None = None  # when this process began
    began: float = field(default_factory=time.monotonic)
    drawing: bool = False  # the models are loaded, and a step was taken
    inherited: float = 0.0  # pictures that other processes had drawn in part
    printed: float = field(default_factory=time.monotonic)
    ended: bool = False

    def count(self, manifest: Manifest) -> None:
        self.pictures = len(manifest.pictures)
        if manifest.pictures and all(one.frame is not None for one in manifest.pictures):
            self.unit = "frames"
        self.closed = self.pictures - sum(picture.open for picture in manifest.pictures)
        self.done = manifest.count(DONE)
        if self.done_before is None:
            self.done_before = self.done

    def begin(self, seconds: float, inherited: float) -> None:
        """Note the first step of pictures, of `seconds`; others drew `inherited` of them before.
        The rate is measured from the very first on, without the time of loading models."""
        if not self.drawing:
            self.drawing, self.began = True, time.monotonic() - seconds
        self.inherited += inherited

    def hourly(self, part: float = 0.0) -> float:
        """Return the pictures an hour, of which `part` is drawn beside those that are done; 0
        before the first."""
        made = self.done - (self.done_before or 0) + part - self.inherited
        seconds = time.monotonic() - self.began
        return made / seconds * 3600 if made > 0 and seconds > 0 else 0.0

    def time_left(self, part: float = 0.0) -> str:
        """Return a text such as `12 min left`; empty while there is no rate."""
        hourly = self.hourly(part)
        if not hourly:
            return ""
        return f"{duration(max(self.pictures - self.closed - part, 0) / hourly * 3600)} left"

    def text(self) -> str:
        """Return a text such as `3 of 5 pictures, 72 an hour, 2 min left`."""
        count, hourly = f"{self.done} of {self.pictures} {self.unit}", self.hourly()
        if not hourly:
            return count
        rate = f"{hourly:.0f}" if hourly >= 10 else f"{hourly:.2g}"
        return f"{count}, {rate} an hour, {self.time_left()}"

    def line(self) -> str | None:
        """Return a line to print, every INTERVAL and once at the end; None otherwise."""
        now, end = time.monotonic(), self.closed == self.pictures
        if self.pictures < 2 or self.ended or (now - self.printed < INTERVAL and not end):
            return None
        self.printed, self.ended = now, end
        return self.text()


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
