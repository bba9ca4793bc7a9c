"""Details of one picture, which the page loads when it is opened: settings, curves, steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from guided.gallery import plots
from guided.gallery.reading import files_in, settings_of, text
from guided.gallery.script import link
from guided.outputs.sheet import GAP, chosen_steps
from guided.runs.layout import STEP, STEPS, STRIPS, strip_path


@dataclass
class Making:
    """The previews of all pictures of a folder."""

    folder: Path
    steps: dict[int, list[tuple[int, str]]]  # picture -> (step, link), in order

    @classmethod
    def read(cls, folder: Path) -> Making:
        steps: dict[int, list[tuple[int, str]]] = {}
        for file, _ in files_in(folder, STEPS):
            if match := STEP.fullmatch(file.removeprefix(f"{STEPS}/")):
                steps.setdefault(int(match[1]), []).append((int(match[2]), link(file)))
        return cls(folder, {number: sorted(files) for number, files in steps.items()})

    def latest(self, number: int) -> str | None:
        """Return the link of a picture's newest preview."""
        return self.steps[number][-1][1] if self.steps.get(number) else None

    def details(
        self, number: int, picture: Path, size: tuple[int, int], curves: plots.Curves
    ) -> dict[str, Any]:
        """Return the data of picture `number`, whose file has the size (width, height)."""
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
        """Return the picture's row of the contact sheet; None if it has less than two tiles."""
        path = strip_path(self.folder, number)
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
            "at": chosen_steps(steps, count) if steps else list(range(1, count + 1)),
        }


def tiles(strip: tuple[int, int], size: tuple[int, int]) -> tuple[int, int, int]:
    """Return (count, width, height) of a strip's tiles, which have the picture's shape."""
    height = max(1, strip[1] - 2 * GAP)
    count = round((strip[0] - GAP) / (max(1, round(size[0] * height / size[1])) + GAP))
    return count, (strip[0] - GAP) // max(1, count) - GAP, height


def last_step(curves: plots.Curves, settings: Mapping[str, Any]) -> int | None:
    if curves:
        return max(max(curve) for curve in curves.values())
    steps = settings.get("steps")
    return steps if isinstance(steps, int) else None


def flat(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield nested settings by dotted names: guide.clip.scale of {guide: {clip: {scale: 1}}}."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
