"""What a picture starts from instead of nothing: a photo or fractal noise, and how much of the run
is skipped for it. Imports no torch before an image is asked for.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image, ImageOps

from guided.errors import BadInput, check_number, is_number, not_one_of
from guided.images import open_picture, tensor

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
FITS = ("cover", "stretch")
COLOURS = ("mixed", "color", "gray")  # of Perlin noise
DEFAULT_STRENGTH = 0.5


class Init(Protocol):
    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """(width, height) -> (1, 3, H, W) in [0, 1], for the image with this seed."""
        ...


@dataclass(frozen=True)
class Photo:
    """The same picture for every image."""

    picture: Image.Image
    fit: str
    path: str = ""

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        lanczos = Image.Resampling.LANCZOS
        if self.fit == "stretch":
            return tensor(self.picture.resize(size, lanczos))
        return tensor(ImageOps.fit(self.picture, size, lanczos))


@dataclass(frozen=True)
class Perlin:
    """Fractal noise, another for every image."""

    colours: str

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        from guided.canvas.perlin import clouds

        return clouds(size, self.colours, seed)


def read_init(value: str | None, fit: str) -> Init | None:
    """`photo.jpg`, `perlin` or `perlin:gray`; BadInput when there is no such thing."""
    if fit not in FITS:
        raise BadInput(not_one_of("init_fit", fit, FITS))
    if value is None:
        return None
    kind, colon, colours = value.partition(":")
    if kind == "perlin":
        if colon and colours not in COLOURS:
            raise BadInput(not_one_of("init", value, [f"perlin:{c}" for c in COLOURS]))
        return Perlin(colours or COLOURS[0])
    return Photo(open_picture("init", value), fit, value)


def read_skip(steps: int, init: Init | None, skip: Any, strength: float | None) -> int:
    """How many of the first, noisiest steps are left out. `skip` is a number of steps or "50%";
    `strength` is the share of the steps that is drawn, and counts before `skip`. BadInput unless
    one is left."""
    if strength is not None and init is None:
        raise BadInput(f"strength={strength} needs a picture to start from: init=photo.jpg")
    said, found = f"skip={skip}", 0
    if strength is not None and skip:  # as look=disco has it
        log.warning("strength=%g replaces skip=%s", strength, skip)
    if skip is not None and strength is None:
        found = read_count(skip, steps)
    elif init is not None:
        strength = DEFAULT_STRENGTH if strength is None else strength
        try:
            check_number("strength", strength, 0, 1)
        except ValueError as error:
            raise BadInput(str(error)) from error
        said, found = f"strength={strength:g}", share((1 - strength) * steps)
    if found >= steps:
        raise BadInput(f"{said} leaves nothing to draw of steps={steps}; skip=0 draws all of them")
    return found


def read_count(skip: Any, steps: int) -> int:
    if isinstance(skip, str) and (per_cent := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", skip)):
        return share(float(per_cent[1]) / 100 * steps)
    if not is_number(skip) or not math.isfinite(skip) or skip != int(skip) or skip < 0:
        raise BadInput(f"skip={skip} must be a number of steps, 0 or more, or a share as 50%")
    return int(skip)


def share(steps: float) -> int:
    """Rounded down, but not for want of a last bit."""
    return math.floor(steps + 1e-9)
