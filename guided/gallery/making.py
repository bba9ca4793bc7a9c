"""How one picture was made, for the page to load when it is opened: settings, curves, steps.

Knows nothing about the page, and of a batch only its folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from guided.gallery import plots
from guided.gallery.reading import files_in, settings_of, text
from guided.gallery.script import link
from guided.outputs.sheet import GAP, STRIPS, chosen

STEP = re.compile(r"(\d{4,9})_(\d{4,9})\.(?:png|webp|jpe?g)")


@dataclass
class Making:
    """What is beside the pictures of a folder, looked at once for all of them."""

    folder: Path
    steps: dict[int, list[tuple[int, str]]]  # image -> (step, file), in order

    @classmethod
    def look(cls, folder: Path) -> Making:
        steps: dict[int, list[tuple[int, str]]] = {}
        for file, _ in files_in(folder, "steps"):
            if match := STEP.fullmatch(file.removeprefix("steps/")):
                steps.setdefault(int(match[1]), []).append((int(match[2]), link(file)))
        return cls(folder, {number: sorted(found) for number, found in steps.items()})

    def latest(self, number: int) -> str | None:
        """The newest preview of a picture."""
        return self.steps[number][-1][1] if self.steps.get(number) else None

    def of(
        self, number: int, picture: Path, size: tuple[int, int], curves: plots.Curves
    ) -> dict[str, Any]:
        settings = settings_of(picture)
        return {
            "settings": [[key, text(value)] for key, value in flat(settings)],
            "plots": [
                {
                    "name": name,
                    "svg": plots.svg(name, curve),
                    "first": min(curve),
                    "last": max(curve),
                    "end": curve[max(curve)],
                }
                for name, curve in curves.items()
            ],
            "steps": self.steps.get(number, []),
            "strip": self.strip(number, size, last_step(curves, settings)),
        }

    def strip(
        self, number: int, size: tuple[int, int], steps: int | None
    ) -> dict[str, Any] | None:
        """The sheet's row of this picture; None where there is none, or of a single tile."""
        path = self.folder / STRIPS / f"{number:04d}.png"
        if any(place.is_symlink() for place in (path, path.parent)) or not path.is_file():
            return None
        try:
            with Image.open(path, formats=("PNG",)) as image:
                count, width, height = tiles(image.size, size)
        except (OSError, ValueError, SyntaxError):
            return None
        if count < 2:
            return None
        return {
            "file": link(f"{STRIPS}/{path.name}"),
            "gap": GAP,
            "width": width,
            "height": height,
            "at": chosen(steps, count) if steps else list(range(1, count + 1)),
        }


def tiles(strip: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int]:
    """(count, width, height) of a strip's tiles, which have the picture's shape."""
    height = max(1, strip[1] - 2 * GAP)
    count = round((strip[0] - GAP) / (max(1, round(size[0] * height / size[1])) + GAP))
    return count, (strip[0] - GAP) // max(1, count) - GAP, height


def last_step(curves: plots.Curves, settings: Mapping[str, Any]) -> int | None:
    if curves:
        return max(max(curve) for curve in curves.values())
    steps = settings.get("steps")
    return steps if isinstance(steps, int) else None


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """guide: {clip: {scale: 2000}} -> guide.clip.scale, 2000."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
