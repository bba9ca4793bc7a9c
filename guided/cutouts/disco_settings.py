"""Disco Diffusion's cutouts, named Dango after their author. Settings only; the work is in
dango_views.py, and cutouts.py has cutouts of this program's own.

Everything that shapes a picture is kept, slips included: bars of black, one grey inner cutout
where `gray` is 0, and by default one draw of the augmentations for all cutouts of a set.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guided.cutouts.settings import refuse_blindness
from guided.errors import not_one_of
from guided.schedule import check_number, schedule

if TYPE_CHECKING:
    from guided.cutouts.disco import DangoViews

VARIANTS = ("few", "first")


@dataclass
class Dango:
    """Overview cutouts show the whole image, letter-boxed; inner cutouts show random squares.
    Every number but micro_batch may vary over the run."""

    overview: Any = field(default_factory=lambda: [[0, 12], [0.4, 4]])  # how many
    inner: Any = field(default_factory=lambda: [[0, 4], [0.4, 12]])  # how many
    power: Any = 1  # size of inner cutouts: 0 the short side, above 1 mostly small ones
    # The first int(gray * inner) + 1 inner ones are grey.
    gray: Any = field(default_factory=lambda: [[0, 0.2], [0.4, 0.0]])
    batches: Any = 4  # sets of cutouts per step, their gradients averaged
    micro_batch: int | None = None  # cutouts through CLIP at once; None: as many as fit
    augment: bool = True
    shared: bool = True  # one draw of the augmentations per set, as Disco; else one per cutout
    # Overviews are plain, grey, mirrored, grey and mirrored: `few` while there are at most four,
    # and otherwise all plain (Disco); `first` for the first four of any number (DiscoArt).
    variants: str = "few"
    # Plain overviews are alike but for their augmentations: this many at most are shown, and count
    # for all of them. null: all are shown.
    merge: Any = None

    def __post_init__(self) -> None:
        self.overview = schedule("overview", self.overview, 0, 512, whole=True)
        self.inner = schedule("inner", self.inner, 0, 512, whole=True)
        self.power = schedule("power", self.power, 0, 100)
        self.gray = schedule("gray", self.gray, 0, 1)
        self.batches = schedule("batches", self.batches, 1, 64, whole=True)
        if self.merge is not None:
            self.merge = schedule("merge", self.merge, 1, 512, whole=True)
        if self.micro_batch is not None:
            check_number("micro_batch", self.micro_batch, 1, whole=True)
        if self.variants not in VARIANTS:
            raise ValueError(not_one_of("variants", self.variants, VARIANTS))
        refuse_blindness(self.overview, self.inner)

    def prepare(self) -> DangoViews:
        from guided.cutouts.disco import DangoViews

        return DangoViews(self)
