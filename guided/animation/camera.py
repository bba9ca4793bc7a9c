"""The camera of a film: how a move from one frame to the next maps pixels, and the path so far.

Moves are those of Disco Diffusion and Deforum. In two dimensions, the picture is shifted by
`translation_x` and `translation_y` in pixels (right and down), then turned by `angle` in degrees
(anticlockwise) and enlarged by `zoom` about its middle. In three, the camera moves right, up and
forward by `translation_x`, `_y`, `_z`, in units of which the nearest point is `near` away, and
turns up, right and clockwise by `rotation_3d_x`, `_y`, `_z` in degrees.

Pixels are counted from the top left corner of the picture, so that the first one's middle is at
(0.5, 0.5). Axes are x right, y down, z forward.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from guided.compat.deferred import deferred

with deferred(["numpy"]):  # which most commands do not need
    import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Matrix = NDArray[np.float64]

OUTSIDE = 0.5  # pixels beyond the edge that the edge's own pixels still cover
FORWARD = (0.0, 0.0, 1.0)


@dataclass(frozen=True)
class Move:
    """The move from one frame to the next."""

    angle: float = 0.0
    zoom: float = 1.0
    translation_x: float = 0.0
    translation_y: float = 0.0
    translation_z: float = 0.0
    rotation_3d_x: float = 0.0
    rotation_3d_y: float = 0.0
    rotation_3d_z: float = 0.0
    fov: float = 40.0  # degrees, from top to bottom

    @property
    def turned(self) -> Matrix:
        """Return the matrix (3, 3) that takes directions from the old camera to the new one, as
        PyTorch3D's row vectors times its Euler matrix of the axes XYZ."""
        x, y, z = (
            math.radians(degrees)
            for degrees in (self.rotation_3d_x, self.rotation_3d_y, self.rotation_3d_z)
        )
        return (about(0, x) @ about(1, y) @ about(2, z)).T

    @property
    def shift(self) -> Matrix:
        """Return the vector (3,) that is added after turning."""
        return np.array([-self.translation_x, self.translation_y, -self.translation_z])

    def lens(self, size: tuple[int, int]) -> Matrix:
        """Return the matrix (3, 3) of the pinhole: directions to pixels of a picture of `size`
        (width, height)."""
        width, height = size
        focal = height / 2 / math.tan(math.radians(self.fov) / 2)
        return np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1]])

    def in_plane(self, size: tuple[int, int], shifted: bool) -> Matrix:
        """Return the map (3, 3) of pixels by angle and zoom, and if `shifted` by the translation
        before them."""
        width, height = size
        turn, middle = math.radians(self.angle), translation(width / 2, height / 2)
        a, b = self.zoom * math.cos(turn), self.zoom * math.sin(turn)
        scaled = np.array([[a, b, 0], [-b, a, 0], [0, 0, 1]])
        about_middle = middle @ scaled @ translation(-width / 2, -height / 2)
        moved = translation(self.translation_x, self.translation_y)
        return about_middle @ moved if shifted else about_middle

    def flat(self, size: tuple[int, int]) -> Matrix:
        """Return the map (3, 3) of pixels in two dimensions; turns are those of a camera that
        stays where it is."""
        lens = self.lens(size)
        return self.in_plane(size, True) @ lens @ self.turned @ np.linalg.inv(lens)

    def plane(self, size: tuple[int, int], distance: float) -> Matrix:
        """Return the map (3, 3) of the pixels of a plane that the camera faces at a distance."""
        lens = self.lens(size)
        moved = self.turned + np.outer(self.shift, FORWARD) / distance
        return self.in_plane(size, False) @ lens @ moved @ np.linalg.inv(lens)

    def deep(self, size: tuple[int, int]) -> Matrix:
        """Return the map (4, 4) of pixels times their depths, (x z, y z, z, 1)."""
        lens, matrix = self.lens(size), np.eye(4)
        view = self.in_plane(size, False) @ lens
        matrix[:3, :3], matrix[:3, 3] = view @ self.turned @ np.linalg.inv(lens), view @ self.shift
        return matrix

    @property
    def still(self) -> bool:
        """Return whether nothing moves."""
        return self == Move(fov=self.fov)


def translation(x: float, y: float) -> Matrix:
    """Return the matrix (3, 3) of a shift in the plane."""
    return np.array([[1, 0, x], [0, 1, y], [0, 0, 1.0]])


def about(axis: int, turn: float) -> Matrix:
    """Return the matrix (3, 3) of a turn in radians about axis 0, 1 or 2."""
    cos, sin = math.cos(turn), math.sin(turn)
    matrix = np.eye(3)
    one, other = [k for k in range(3) if k != axis]
    matrix[one, one] = matrix[other, other] = cos
    matrix[one, other], matrix[other, one] = (-sin, sin) if axis != 1 else (sin, -sin)
    return matrix


def path(moves: Iterable[Move]) -> list[tuple[Matrix, Matrix]]:
    """Return the camera of the first frame and after each move in three dimensions, in the axes of
    the first: its place (3,), and its axes as columns (3, 3)."""
    place, axes = np.zeros(3), np.eye(3)
    cameras = [(place, axes)]
    for move in moves:
        turned = move.turned
        place = place - axes @ turned.T @ move.shift
        axes = axes @ turned.T
        cameras.append((place, axes))
    return cameras
