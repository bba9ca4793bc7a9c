"""Settings of the cutouts that CLIP is shown: this program's own, and Disco Diffusion's.

Imports no torch, so that they are checked before it is. The cutouts themselves are made in
standard.py and disco.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guided.errors import check_number, not_one_of
from guided.interfaces import CutoutSettings
from guided.schedule import Schedule, schedule

if TYPE_CHECKING:
    from guided.cutouts.disco import DiscoCutoutSampler

if TYPE_CHECKING:
    from guided.cutouts.standard import CutoutSampler

AREAS = ("whole", "middle")


@dataclass
class Cutouts(CutoutSettings):
    """Overview cutouts show all of the area, letter-boxed; inner cutouts show random squares.
    Every number but micro_batch may vary over the run."""

    overview: Any = field(default_factory=lambda: [[0, 12], [0.4, 4]])  # how many
    inner: Any = field(default_factory=lambda: [[0, 4], [0.4, 12]])  # how many
    area: str = "whole"  # of the image that is cut up; middle: its middle square only
    power: Any = 1.0  # size of inner cutouts: above 1 favours small ones, below 1 large ones
    smallest: Any = None  # of the short side; null: CLIP's own input size in pixels
    gray: Any = field(default_factory=lambda: [[0, 0.2], [0.4, 0.0]])  # share of inner ones
    # Overviews are alike but for their augmentations: this many at most are shown, and count for
    # all of them. null: all are shown.
    merge: Any = None
    batches: Any = 1  # sets of cutouts per step, their gradients averaged
    micro_batch: int | None = None  # cutouts through CLIP at once; None: as many as fit
    augment: bool = True
    flip: Any = 0.5  # probability
    degrees: Any = 10.0  # rotation, at most
    translate: Any = 0.05  # shift, at most, of the side
    noise: Any = 0.01  # standard deviation
    grayscale: Any = 0.1  # probability
    jitter: Any = 0.1  # brightness and contrast, by at most this much

    def __post_init__(self) -> None:
        self.overview = schedule("overview", self.overview, 0, 512, whole=True)
        self.inner = schedule("inner", self.inner, 0, 512, whole=True)
        if self.area not in AREAS:
            raise ValueError(not_one_of("area", self.area, AREAS))
        self.power = schedule("power", self.power, 0.01, 100)
        self.gray = schedule("gray", self.gray, 0, 1)
        self.batches = schedule("batches", self.batches, 1, 64, whole=True)
        if self.merge is not None:
            self.merge = schedule("merge", self.merge, 1, 512, whole=True)
        if self.smallest is not None:
            self.smallest = schedule("smallest", self.smallest, 0.05, 1)
        for name in ("flip", "translate", "noise", "grayscale", "jitter"):
            setattr(self, name, schedule(name, getattr(self, name), 0, 1))
        self.degrees = schedule("degrees", self.degrees, 0, 180)
        if self.micro_batch is not None:
            check_number("micro_batch", self.micro_batch, 1, whole=True)
        refuse_blindness(self.overview, self.inner)

    def prepare(self) -> CutoutSampler:
        from guided.cutouts.standard import CutoutSampler

        return CutoutSampler(self)


def refuse_blindness(overview: Schedule, inner: Schedule) -> None:
    """ValueError where no cutout at all would be shown. Steps lie on thousandths of the run."""
    for progress in (k / 1000 for k in range(1000)):
        if overview(progress) + inner(progress) == 0:
            raise ValueError(
                f"overview and inner are both 0 at progress {progress:g}: "
                "CLIP would see nothing there"
            )


VARIANTS = ("few", "first")


@dataclass
class DiscoCutouts(CutoutSettings):
    """Disco Diffusion's cutouts (named Dango after their author), number for number.

    Overview cutouts show the whole image, letter-boxed; inner cutouts show random squares. Every
    number but micro_batch may vary over the run. Everything that shapes a picture is kept, errors
    included: black bars, one grey inner cutout where `gray` is 0, and by default one draw of the
    augmentations for all cutouts of a set."""

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

    def prepare(self) -> DiscoCutoutSampler:
        from guided.cutouts.disco import DiscoCutoutSampler

        return DiscoCutoutSampler(self)
