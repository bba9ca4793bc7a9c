"""Masks: which pixels of the init picture are drawn anew, and for how many steps.

A mask is a grey picture of the canvas. White is drawn anew, black is kept, and grey is drawn anew
in the last steps only, as many as its share of white: Levin and Fried 2023, "Differential
Diffusion", https://arxiv.org/abs/2306.00950

Imports no torch before a tensor is made.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PIL import Image, ImageChops, ImageDraw, ImageFilter, ImageOps

from guided.canvas.drawing import is_drawing
from guided.canvas.init import Init, Photo
from guided.canvas.mask_settings import MaskSettings
from guided.errors import BadInput, check_number, shown
from guided.images import NEARLY, grey_levels, open_alpha, open_picture
from guided.prompts.regions import Region, read_box
from guided.schedule import Schedule, schedule

if TYPE_CHECKING:
    from torch import Tensor

log = logging.getLogger(__name__)
ALPHA = "alpha"
BOX = "a box [left,top,right,bottom] in shares of the canvas, as in mask=[0.5,0,1,1]"
MOST = 512  # pixels by which a mask grows or is blurred


@dataclass(frozen=True)
class Mask:
    """A mask of a canvas: a grey picture of its size, white where it is drawn anew."""

    picture: Image.Image
    path: str = ""  # of the file; empty: there is none

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) of the pixels that are drawn anew."""
        box = self.picture.getbbox()
        assert box is not None  # read_mask refuses others
        return box

    def tensor(self) -> Tensor:
        """Return the mask as (1, 1, H, W) in [0, 1]."""
        return grey_levels(self.picture)

    def cropped(self, image: Tensor) -> Tensor:
        """Return the part of an image (B, 3, H, W) of the canvas that is drawn anew."""
        left, top, right, bottom = self.box
        return image[:, :, top:bottom, left:right]


def read_mask(
    settings: MaskSettings,
    init: Init | None,
    fit: str,
    size: tuple[int, int],
    added: Image.Image | None,
) -> Mask | None:
    """Return the mask of a canvas of `size` (width, height); None without one. `added`, of that
    size, is white where an outpainted canvas is new. Raise BadInput if a mask cannot be read, or
    draws nothing anew."""
    check_settings(settings)
    if settings.area is None and added is None:
        if settings.changed:
            name = settings.changed[0]
            raise BadInput(
                f"mask.{name} needs a mask: mask=sky.png, white where the init picture is drawn "
                f"anew, or {BOX}"
            )
        return None
    if init is None:
        raise BadInput(
            f"mask={shown(settings.area)} needs a picture, of which it keeps the rest: "
            "init=photo.jpg"
        )
    area, path = None, ""
    if settings.area is not None:
        area, path = read_area(settings.area, init, fit, size)
        area = ImageOps.invert(area) if settings.invert else area
    parts = [part for part in (area, added) if part is not None]
    picture = parts[0] if len(parts) == 1 else ImageChops.lighter(*parts)
    picture = blurred(grown(picture, settings.grow), settings.blur)
    picture = picture.point([cleaned(level) for level in range(256)])
    check_drawn(picture, settings)
    return Mask(picture, path)


def cleaned(level: int) -> int:
    """Return a level, or black or white where it is nearly that."""
    return 0 if level <= NEARLY else 255 if level >= 255 - NEARLY else level


def check_settings(settings: MaskSettings) -> None:
    """Raise BadInput for settings that are out of range."""
    try:
        check_number("grow", settings.grow, -MOST, MOST, whole=True)
        check_number("blur", settings.blur, 0, MOST)
        check_number("jump", settings.jump, 1, 1000, whole=True)
        times(settings)
    except ValueError as error:
        raise BadInput(f"mask.{error}") from error


def times(settings: MaskSettings) -> Schedule:
    """Return how often each stretch of steps is drawn."""
    return schedule("jumps", settings.jumps, 1, 100, whole=True)


def check_drawn(picture: Image.Image, settings: MaskSettings) -> None:
    """Raise BadInput if a mask draws nothing anew; warn if it keeps nothing."""
    low, high = picture.getextrema()
    name = f"mask={shown(settings.area)}"
    if high == 0:
        other = "mask.invert=false" if settings.invert else "mask.invert=true"
        hint = "mask.grow=0" if settings.grow < 0 else f"{other} draws anew what it keeps now"
        raise BadInput(f"{name} draws nothing anew: it is black all over; {hint}")
    if low == 255:
        log.warning("%s keeps nothing of the init picture: it is white all over", name)


def read_area(area: Any, init: Init, fit: str, size: tuple[int, int]) -> tuple[Image.Image, str]:
    """Return the mask that `mask=` names on a canvas of `size`, and the path of its file."""
    if isinstance(area, Sequence) and not isinstance(area, str):
        return box_mask(area, size), ""
    if not isinstance(area, str):
        raise BadInput(f"mask={shown(area)} must be a picture, alpha, or {BOX}")
    photo = init if isinstance(init, Photo) else None
    if area == ALPHA:
        if photo is None or is_drawing(photo.path):
            raise BadInput("mask=alpha needs an init picture with transparency: init=photo.png")
        alpha = open_alpha("init", photo.path)
        if alpha is None:
            raise BadInput(
                f"mask=alpha: init={photo.path} has no transparency; mask=sky.png names a "
                "picture that is white where it is drawn anew"
            )
        return placed(ImageOps.invert(alpha), fit, size), ""
    picture = open_picture("mask", area).convert("L")
    if photo is not None and not alike(picture.size, photo.picture.size, size):
        raise BadInput(
            f"mask={area} is {by(picture.size)} and init={photo.path} {by(photo.picture.size)}: "
            f"a mask has the shape of its picture, or that of the canvas, {by(size)}"
        )
    return placed(picture, fit, size), area


def placed(picture: Image.Image, fit: str, size: tuple[int, int]) -> Image.Image:
    """Return a grey picture placed on the canvas as an init picture is (init.Photo)."""
    bilinear = Image.Resampling.BILINEAR  # Lanczos would ring at the edges
    if picture.size == size:
        return picture
    if fit == "stretch":
        return picture.resize(size, bilinear)
    return ImageOps.fit(picture, size, bilinear)


def box_mask(box: Sequence[Any], size: tuple[int, int]) -> Image.Image:
    """Return a mask that is white in a box (left, top, right, bottom) in shares of `size`. Raise
    BadInput for a box that is outside the canvas or empty."""
    left, top, right, bottom = Region(read_box("mask", list(box))).pixels(size)
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).rectangle((left, top, right - 1, bottom - 1), fill=255)
    return mask


def grown(mask: Image.Image, pixels: int) -> Image.Image:
    """Return the mask with its white widened by `pixels` on all sides, or narrowed."""
    for _ in range(abs(pixels)):
        mask = mask.filter(ImageFilter.MaxFilter(3) if pixels > 0 else ImageFilter.MinFilter(3))
    return mask


def blurred(mask: Image.Image, pixels: float) -> Image.Image:
    """Return the mask under a Gaussian blur of that standard deviation."""
    return mask.filter(ImageFilter.GaussianBlur(pixels)) if pixels else mask


def alike(size: tuple[int, int], *others: tuple[int, int]) -> bool:
    """Return whether a size has the shape of another, to a pixel."""
    return any(
        abs(size[0] * other[1] - size[1] * other[0]) <= max(*size, *other) for other in others
    )


def by(size: tuple[int, int]) -> str:
    """Return a size as text: 640x480."""
    return f"{size[0]}x{size[1]}"
