"""The known part of a picture before it is drawn: its grey values, a thumbnail, or the composition
of another. The constraints that follow are in guided/diffusion/null_space.py.

Imports no torch before a constraint is made.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from PIL import Image, ImageOps

from guided.canvas.init import Init, Photo, read_photo
from guided.errors import BadInput, check_number, not_one_of
from guided.images import tensor

if TYPE_CHECKING:
    from guided.diffusion.null_space import Agrees

RESTORES = ("grey", "thumbnail")
OTHER_SPELLINGS = {"gray": "grey"}
CELLS, UNTIL = 8, 0.8  # of a composition, unless set


class Known(Protocol):
    """Known facts, from a picture, about the one to be drawn."""

    @property
    def photo(self) -> Photo:
        """Return that picture."""
        ...

    @property
    def facts(self) -> tuple[object, ...]:
        """Return all but the picture that decides the constraint."""
        ...

    def constraint(self, size: tuple[int, int]) -> Agrees:
        """Return the constraint for images of `size` (width, height)."""
        ...


@dataclass(frozen=True)
class GreyPhoto:
    """The grey values of a photo; its colours are free."""

    photo: Photo
    facts: tuple[object, ...] = ("grey",)

    def constraint(self, size: tuple[int, int]) -> Agrees:
        from guided.diffusion.null_space import Agrees, Grey

        return Agrees(Grey(), Grey().measure(self.photo.image(size, 0)) * 2 - 1)


@dataclass(frozen=True)
class Thumbnail:
    """A small picture, of which the canvas is an enlargement; its details are free."""

    photo: Photo
    facts: tuple[object, ...] = ("thumbnail",)

    def constraint(self, size: tuple[int, int]) -> Agrees:
        from guided.diffusion.null_space import Agrees, Smaller

        small = self.size(size)
        exact = tensor(ImageOps.fit(self.photo.picture, small, Image.Resampling.LANCZOS))
        return Agrees(Smaller(size, small), exact * 2 - 1)

    def size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the (width, height) of its largest part of the canvas's shape; all of it if it is
        stretched to the canvas."""
        own = self.photo.picture.size
        if self.photo.fit == "stretch":
            return own
        share = min(mine / side for mine, side in zip(own, size, strict=True))
        width, height = (max(1, round(side * share)) for side in size)
        return width, height


@dataclass(frozen=True)
class Composition:
    """The averages of a picture over a coarse grid, up to some progress of the run."""

    photo: Photo
    cells: int  # of the grid, along the shorter side
    until: float  # progress, 0..1

    @property
    def facts(self) -> tuple[object, ...]:
        return "composition", self.cells, self.until

    def constraint(self, size: tuple[int, int]) -> Agrees:
        from guided.diffusion.null_space import Agrees, Smaller

        width, height = (max(1, round(self.cells * side / min(size))) for side in size)
        grid = Smaller(size, (width, height))
        return Agrees(grid, grid.measure(self.photo.image(size, 0)) * 2 - 1, self.until)


def read_restore(value: str | None, init: Init | None, size: tuple[int, int]) -> Known | None:
    """Return the known part of the init picture for `restore=grey` or `restore=thumbnail`. Raise
    BadInput for another value, and for an init picture that it makes no sense for."""
    if value is None:
        return None
    kind = OTHER_SPELLINGS.get(value, value)
    if kind not in RESTORES:
        raise BadInput(not_one_of("restore", value, RESTORES))
    if not isinstance(init, Photo):
        raise BadInput(f"restore={value} needs a picture to restore: init=photo.jpg")
    if kind == "grey":
        return GreyPhoto(init)
    known = Thumbnail(init)
    small = known.size(size)
    if small[0] > size[0] or small[1] > size[1] or small == size:
        width, height = init.picture.size
        raise BadInput(
            f"restore=thumbnail: init={init.path} has {width}x{height} pixels, which are not "
            f"fewer than those of size=[{size[0]},{size[1]}]; a smaller picture gets details"
        )
    return known


def read_composition(
    path: str | None, cells: int | None, until: float | None, fit: str, size: tuple[int, int]
) -> Known | None:
    """Return the composition of `keep_composition=photo.jpg`. Raise BadInput if the picture cannot
    be read, or a number is out of range."""
    if path is None:
        for name, value in (("composition_cells", cells), ("composition_until", until)):
            if value is not None:
                raise BadInput(f"{name}={value} needs a picture: keep_composition=photo.jpg")
        return None
    cells, until = CELLS if cells is None else cells, UNTIL if until is None else until
    try:
        check_number("composition_cells", cells, 1, min(size), whole=True)
        check_number("composition_until", until, 0, 1)
    except ValueError as error:
        raise BadInput(str(error)) from error
    return Composition(read_photo("keep_composition", path, fit), cells, until)
