"""Regions of an image: cropped, and filled with a colour outside of a mask."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from guided.devices import sent
from guided.images import grey_levels, open_mask
from guided.prompts.regions import Region, Size


@dataclass(frozen=True)
class RegionView:
    """A region in pixels of an image, with its mask (1, 1, h, w) in [0, 1], or None for a box."""

    left: int
    top: int
    right: int
    bottom: int
    mask: Tensor | None = None

    @classmethod
    def of(cls, region: Region, size: Size) -> RegionView:
        """Return the view of a region of images of `size` (width, height)."""
        if not region.mask:
            return cls(*region.pixels(size))
        picture = open_mask("regions: mask", region.mask, size)
        box = picture.getbbox()
        assert box is not None  # open_mask refuses a black one
        return cls(*box, grey_levels(picture.crop(box)))

    def __call__(self, image: Tensor) -> Tensor:
        """Return the region of images (B, 3, H, W), cropped to its box. What the mask leaves out
        has the mean colour of the rest, and no gradient."""
        part = self.cropped(image)
        if self.mask is None:
            return part
        mask = sent(self.mask, part)
        mean = (part.detach() * mask).mean((2, 3), keepdim=True) / mask.mean()
        return mean + mask * (part - mean)

    def cropped(self, image: Tensor) -> Tensor:
        """Return the box of the region of images (B, C, H, W)."""
        return image[:, :, self.top : self.bottom, self.left : self.right]

    def add(self, image: Tensor, grad: Tensor) -> None:
        """Add to images (B, 3, H, W), in place, the gradient with respect to what `__call__`
        returns of them."""
        self.cropped(image).add_(grad if self.mask is None else grad * sent(self.mask, grad))

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Return (left, top, right, bottom) in pixels of the image."""
        return self.left, self.top, self.right, self.bottom

    @property
    def pixels(self) -> float:
        """Return how many pixels it has; those of a grey mask count in part."""
        area = float((self.right - self.left) * (self.bottom - self.top))
        return area if self.mask is None else area * float(self.mask.mean())
