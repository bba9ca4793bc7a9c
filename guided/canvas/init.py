"""Init pictures, a photo or fractal noise, and the number of steps that are skipped for them.

Imports no torch before an image is made.
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
# Share of the steps that are taken. Of Perlin noise, less leaves no steps in which to make an
# object of it, and more leaves all pictures of a prompt alike.
PHOTO_STRENGTH, PERLIN_STRENGTH = 0.5, 0.8


class Init(Protocol):
    """A source of init pictures."""

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """Return (1, 3, H, W) in [0, 1] of size (width, height), for the image of this seed."""
        ...


@dataclass(frozen=True)
class Photo:
    """A picture from a file, the same for every image."""

    picture: Image.Image
    fit: str
    path: str = ""

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """Return the picture, cropped or stretched to the size."""
        lanczos = Image.Resampling.LANCZOS
        if self.fit == "stretch":
            return tensor(self.picture.resize(size, lanczos))
        return tensor(ImageOps.fit(self.picture, size, lanczos))


@dataclass(frozen=True)
class Perlin:
    """Fractal noise, different for every image."""

    colours: str

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """Return the noise of this seed."""
        from guided.canvas.perlin import clouds

        return clouds(size, self.colours, seed)


def read_init(value: str | None, fit: str) -> Init | None:
    """Return the source named by `photo.jpg`, `perlin` or `perlin:gray`. Raise BadInput for a
    missing picture or an unknown colour or fit."""
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
    """Return how many of the first, noisiest steps are skipped.

    `skip` is a number of steps or a share as "50%"; `strength` is the share of steps that are
    taken and has precedence. Raise BadInput unless at least one step is taken."""
    if strength is not None and init is None:
        raise BadInput(f"strength={strength} needs a picture to start from: init=photo.jpg")
    setting, skipped = f"skip={skip}", 0
    if strength is not None and skip:  # look=disco sets skip
        log.warning("strength=%g replaces skip=%s", strength, skip)
    if skip is not None and strength is None:
        skipped = read_count(skip, steps)
    elif init is not None:
        default = PERLIN_STRENGTH if isinstance(init, Perlin) else PHOTO_STRENGTH
        strength = default if strength is None else strength
        try:
            check_number("strength", strength, 0, 1)
        except ValueError as error:
            raise BadInput(str(error)) from error
        setting, skipped = f"strength={strength:g}", round_down((1 - strength) * steps)
    if skipped >= steps:
        raise BadInput(
            f"{setting} leaves nothing to draw of steps={steps}; skip=0 draws all of them"
        )
    return skipped


def read_count(skip: Any, steps: int) -> int:
    """Return `skip`, a number of steps or a share as "50%", as a number of steps. Raise BadInput
    for other values."""
    if isinstance(skip, str) and (per_cent := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*%\s*", skip)):
        return round_down(float(per_cent[1]) / 100 * steps)
    if not is_number(skip) or not math.isfinite(skip) or skip != int(skip) or skip < 0:
        raise BadInput(f"skip={skip} must be a number of steps, 0 or more, or a share as 50%")
    return int(skip)


def round_down(steps: float) -> int:
    """Return the integer part, tolerating a rounding error just below an integer."""
    return math.floor(steps + 1e-9)
