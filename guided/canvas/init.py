"""Init pictures: a photo, a drawing, colours or fractal noise; and the number of steps that are
skipped for them.

Imports no torch before an image is made.
"""

from __future__ import annotations

import logging
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from PIL import Image, ImageOps

from guided.canvas.drawing import is_drawing, open_drawing
from guided.errors import BadInput, check_number, is_number, not_one_of, shown
from guided.images import open_picture, rgb, tensor

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
FITS = ("cover", "stretch")
COLOURS = ("mixed", "color", "gray", "natural")  # of Perlin noise
DOWN = 180.0  # degrees, as in CSS: from the first colour at the top to the last at the bottom
# Share of the steps that are taken. Of Perlin noise and colours, less leaves no steps in which to
# make an object of them, and more leaves all pictures of a prompt alike.
PHOTO_STRENGTH, SOFT_STRENGTH = 0.5, 0.8


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
        return tensor(self.fitted(size))

    def fitted(self, size: tuple[int, int]) -> Image.Image:
        """Return the picture, cropped or stretched to the size (width, height)."""
        lanczos = Image.Resampling.LANCZOS
        if self.fit == "stretch":
            return self.picture.resize(size, lanczos)
        return ImageOps.fit(self.picture, size, lanczos)


@dataclass(frozen=True)
class Perlin:
    """Fractal noise, different for every image."""

    colours: str
    rings: tuple[bool, bool] = (False, False)  # whether opposite edges meet (across, down)

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """Return the noise of this seed."""
        from guided.canvas.perlin import clouds

        return clouds(size, self.colours, seed, self.rings)


@dataclass(frozen=True)
class Gradient:
    """A linear gradient of colours in [0, 1], at equal distances; of one colour, that colour."""

    colours: tuple[tuple[float, float, float], ...]
    angle: float = DOWN  # degrees, clockwise from upwards, as in CSS
    rings: tuple[bool, bool] = (False, False)  # whether opposite edges meet (across, down)

    def image(self, size: tuple[int, int], seed: int) -> Tensor:
        """Return the gradient, whose ends are at corners or edges of the canvas, as in CSS
        (https://www.w3.org/TR/css-images-3/#linear-gradients). Along an axis on which the edges
        meet it goes to the middle of the canvas, and back."""
        import torch

        width, height = size
        across, up = math.sin(math.radians(self.angle)), math.cos(math.radians(self.angle))
        x, y = (
            (torch.arange(side, dtype=torch.float64) + 0.5) - side / 2 for side in (width, height)
        )
        x, y = (
            side / 2 - 2 * place.abs() if ring else place
            for place, side, ring in zip((x, y), size, self.rings, strict=True)
        )
        x, y = x * across, y * -up
        length = abs(width * across) + abs(height * up)
        at = ((x + y[:, None]) / length + 0.5).clamp(0, 1) * (len(self.colours) - 1)
        weight = (1 - (at - torch.arange(len(self.colours))[:, None, None]).abs()).clamp(min=0)
        colours = torch.tensor(self.colours, dtype=torch.float64)
        return torch.einsum("khw,kc->chw", weight, colours)[None].float()


def cropped(picture: tuple[int, int], canvas: tuple[int, int]) -> float:
    """Return the share of a picture (width, height) that is cropped off to fill a canvas."""
    shapes = picture[0] / picture[1], canvas[0] / canvas[1]
    return 1 - min(shapes) / max(shapes)


def read_init(
    value: str | None, fit: str, rings: tuple[bool, bool] = (False, False)
) -> Init | None:
    """Return the source named by `photo.jpg`, `drawing.svg`, `perlin`, `perlin:gray`,
    `color:#102040` or `gradient:#102040-#f0c080`; the edges of noise and gradients meet along the
    axes in `rings`. Raise BadInput for a missing picture or an unknown colour or fit."""
    if fit not in FITS:
        raise BadInput(not_one_of("init_fit", fit, FITS))
    if value is None:
        return None
    kind, colon, colours = value.partition(":")
    if kind == "perlin":
        if colon and colours not in COLOURS:
            raise BadInput(not_one_of("init", value, [f"perlin:{c}" for c in COLOURS]))
        return Perlin(colours or COLOURS[0], rings)
    if kind in ("color", "gradient"):
        return read_gradient(kind, colours, rings)
    return read_photo("init", value, fit)


def read_photo(setting: str, path: str, fit: str) -> Photo:
    """Return the picture or the drawing of a file. Raise BadInput, naming the setting, if it
    cannot be read."""
    read = open_drawing if is_drawing(path) else open_picture
    return Photo(read(setting, path), fit, path)


def read_gradient(kind: str, text: str, rings: tuple[bool, bool] = (False, False)) -> Gradient:
    """Return the gradient of `#102040-#f0c080` or `#102040-#f0c080:90`, or of kind `color` the
    colour of `#102040`. Raise BadInput for anything else."""
    listed, colon, angle = text.partition(":")
    colours = [rgb(colour) for colour in listed.split("-")]
    fits = len(colours) > 1 if kind == "gradient" else len(colours) == 1 and not colon
    try:
        degrees = float(angle) if colon else DOWN
    except ValueError:
        degrees = math.nan
    if not fits or None in colours or not -360 <= degrees <= 360:
        example = "#102040-#f0c080, or #102040-#f0c080:90 from left to right"
        raise BadInput(
            f"init={kind}:{shown(text)} must be {kind}:{example}"
            if kind == "gradient"
            else f"init=color:{shown(text)} must be color:#rrggbb, as in color:#102040"
        )
    return Gradient(tuple(colour for colour in colours if colour), degrees, rings)


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
        default = PHOTO_STRENGTH if isinstance(init, Photo) else SOFT_STRENGTH
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
        raise BadInput(
            f"skip={shown(skip)} must be a number of steps, 0 or more, or a share as 50%"
        )
    return int(skip)


def round_down(steps: float) -> int:
    """Return the integer part, tolerating a rounding error just below an integer."""
    return math.floor(steps + 1e-9)
