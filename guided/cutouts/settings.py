"""Settings of the cutouts that CLIP encodes: the standard ones, and Disco Diffusion's.

Imports no torch, so that settings are checked before it is imported. standard.py and disco.py make
the cutouts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from guided.errors import check_number, not_one_of
from guided.interfaces import CutoutSettings
from guided.schedule import Schedule, schedule

if TYPE_CHECKING:
    from torch import Tensor

    from guided.cutouts.disco import DiscoCutoutSampler
    from guided.cutouts.standard import CutoutSampler

AREAS = ("whole", "middle")


@dataclass
class Cutouts(CutoutSettings):
    """Settings of the standard cutouts. Overview cutouts show all of the area, letter-boxed; inner
    cutouts are random squares of it. Every number except micro_batch may be a schedule."""

    # number of views of the whole area, letter-boxed
    overview: Any = field(default_factory=lambda: [[0, 12], [0.4, 4]])
    # number of random squares of the area
    inner: Any = field(default_factory=lambda: [[0, 4], [0.4, 12]])
    # whole, the image; middle, its central square, for models of single objects
    area: str = "whole"
    power: Any = 1  # exponent of inner cutouts' size: above 1, mostly smaller
    # smallest inner cutout, as a share of the short side; null: CLIP's input size
    smallest: Any = None
    # inner cutouts of evenly spread sizes and places, instead of independent ones
    stratified: bool = False
    # exponent of a cutout's weight by its side: 0, all weigh the same; 1, in proportion
    size_weight: Any = 0
    whole_weight: Any = 1  # weight of an overview; that of an inner cutout of the short side is 1
    # share of inner cutouts without colour
    gray: Any = field(default_factory=lambda: [[0, 0.2], [0.4, 0.0]])
    # maximum of similar overviews that are computed, weighted to count for all; null: no maximum
    merge: Any = None
    batches: Any = 1  # sets of cutouts per step, their gradients averaged
    micro_batch: int | None = None  # cutouts encoded at once; null: as many as fit into memory
    augment: bool = True  # the following, at random
    flip: Any = 0.5  # probability
    degrees: Any = 10  # maximum of the rotation
    translate: Any = 0.05  # maximum of the shift, as a share of the side
    noise: Any = 0.01  # standard deviation
    grayscale: Any = 0.1  # probability
    jitter: Any = 0.1  # maximum change of brightness and contrast

    def __post_init__(self) -> None:
        self.overview = schedule("overview", self.overview, 0, 512, whole=True)
        self.inner = schedule("inner", self.inner, 0, 512, whole=True)
        if self.area not in AREAS:
            raise ValueError(not_one_of("area", self.area, AREAS))
        self.power = schedule("power", self.power, 0.01, 100)
        self.size_weight = schedule("size_weight", self.size_weight, 0, 8)
        self.whole_weight = schedule("whole_weight", self.whole_weight, 0.01, 100)
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
        check_never_empty(self.overview, self.inner)

    @property
    def centred(self) -> bool:
        """Whether they show the central square of the image."""
        return self.area == "middle"

    def prepare(self, mask: Tensor | None = None) -> CutoutSampler:
        """Return the sampler of cutouts with these settings; of the inner ones around what the
        mask (1, 1, H, W) has."""
        from guided.cutouts.places import Places
        from guided.cutouts.standard import CutoutSampler

        return CutoutSampler(self, None if mask is None else Places(mask))


def check_never_empty(overview: Schedule, inner: Schedule) -> None:
    """Raise ValueError if there is no cutout at some thousandth of the run."""
    for progress in (k / 1000 for k in range(1000)):
        if overview(progress) + inner(progress) == 0:
            raise ValueError(
                f"overview and inner are both 0 at progress {progress:g}: "
                "CLIP would see nothing there"
            )


VARIANTS = ("few", "first")


@dataclass
class DiscoCutouts(CutoutSettings):
    """Settings of Disco Diffusion's cutouts (there MakeCutoutsDango, after their author Dango233).

    Overview cutouts show the whole image, letter-boxed; inner cutouts are random squares. Every
    number except micro_batch may be a schedule. Disco's errors are reproduced, because pictures
    depend on them: black bars, one grey inner cutout where `gray` is 0, and by default one draw of
    the augmentations for all cutouts of a set."""

    overview: Any = "[12]*400+[4]*600"  # number of views of the whole image, letter-boxed in black
    inner: Any = "[4]*400+[12]*600"  # number of random squares of the image
    # exponent of inner cutouts' size: 0, always the short side; above 1, mostly smaller
    power: Any = 1
    gray: Any = "[0.2]*400+[0]*600"  # share of inner cutouts without colour, and one more
    batches: Any = 4  # sets of cutouts per step, their gradients averaged
    micro_batch: int | None = None  # cutouts encoded at once; null: as many as fit into memory
    augment: bool = True  # random flips, rotations, shifts, noise and colours
    shared: bool = True  # one random augmentation for a whole set
    # grey and mirrored overviews: few, only if there are 4 or fewer; first, always the first 4
    variants: str = "few"
    # maximum of similar overviews that are computed, weighted to count for all; null: no maximum
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
        check_never_empty(self.overview, self.inner)

    def prepare(self, mask: Tensor | None = None) -> DiscoCutoutSampler:
        """Return the sampler of cutouts with these settings; of the inner ones around what the
        mask (1, 1, H, W) has."""
        from guided.cutouts.disco import DiscoCutoutSampler
        from guided.cutouts.places import Places

        return DiscoCutoutSampler(self, None if mask is None else Places(mask))
