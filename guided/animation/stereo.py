"""Stereo films: what each eye of a camera sees.

Eyes are apart along the camera's x axis and turned towards each other, as Disco Diffusion's VR has
them.
"""

from __future__ import annotations

import math

from PIL import Image

from guided.animation.camera import Move

NONE, SIDE_BY_SIDE, OVER_UNDER = LAYOUTS = ("none", "side_by_side", "over_under")


def eyes(distance: float, angle: float, fov: float) -> tuple[Move, Move]:
    """Return the moves from the camera to its left and its right eye, which are `distance` apart,
    in units of depth, and each turned inwards by an angle in degrees. Their lines of sight meet
    distance / 2 / tan(angle) away."""
    aside = distance / 2 * math.cos(math.radians(angle))
    left = Move(translation_x=-aside, rotation_3d_y=angle, fov=fov)
    return left, Move(translation_x=aside, rotation_3d_y=-angle, fov=fov)


def joined(left: Image.Image, right: Image.Image, layout: str) -> Image.Image:
    """Return the pictures of both eyes in one: the left one on the left, or above."""
    width, height = left.size
    beside = layout == SIDE_BY_SIDE
    both = Image.new("RGB", (width * (1 + beside), height * (2 - beside)))
    both.paste(left, (0, 0))
    both.paste(right, (width, 0) if beside else (0, height))
    return both
