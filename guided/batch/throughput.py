"""How a batch is doing: pictures done, time left, pictures an hour. Knows nothing of drawing."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from guided.runs.manifest import DONE, Manifest

PAUSE = 10.0  # seconds between lines where no terminal is


@dataclass
class Throughput:
    """Of all pictures, whoever draws them. The rate is that of since this process began."""

    pictures: int = 0
    over: int = 0  # no longer to be drawn
    done: int = 0
    before: int | None = None  # done when this process began
    began: float = field(default_factory=time.monotonic)
    told: float = field(default_factory=time.monotonic)
    ended: bool = False

    def count(self, manifest: Manifest) -> None:
        self.pictures = len(manifest.pictures)
        self.over = self.pictures - sum(picture.open for picture in manifest.pictures)
        self.done = manifest.count(DONE)
        if self.before is None:
            self.before = self.done

    def text(self, part: float = 0.0) -> str:
        """`part`: how much of the picture at hand is drawn."""
        said = f"{self.done} of {self.pictures} pictures"
        made = self.done - (self.before or 0) + part
        seconds = time.monotonic() - self.began
        if made <= 0 or seconds <= 0:
            return said
        hourly = made / seconds * 3600
        left = max(self.pictures - self.over - part, 0) / hourly * 3600
        return f"{said}, {hourly:.3g} an hour, {duration(left)} left"

    def line(self) -> str | None:
        """Something to print, now and then and at the end."""
        now, end = time.monotonic(), self.over == self.pictures
        if self.pictures < 2 or self.ended or (now - self.told < PAUSE and not end):
            return None
        self.told, self.ended = now, end
        return self.text()


def duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
