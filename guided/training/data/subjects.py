"""Which of the prepared pictures a diffusion model is shown, how often, and on what ground. Knows
nothing about networks.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guided.training.data import pictures
from guided.training.data.augmentation import NAMES, OWNER, POINTS

FILL = 0.875  # share of the canvas that an object spans


class Subjects:
    """Which of the prepared pictures are drawn from, and with what probability; made into batches
    of images in [-1, 1]. Of the share `recolour` half have another hue, and half are in shades of
    one colour that has a name. Pictures are brought to their size once, at the start."""

    def __init__(self, book: pictures.Pictures, chosen: dict, size: int, recolour: float) -> None:
        self.book, self.size, self.recolour = book, size, recolour
        self.weights = picture_weights(book, chosen)
        self.rows = self.weights.nonzero()[:, 0]
        parts = [
            torch.cat(pictures.placed(*book.batch(rows), size, FILL), 1)
            for rows in self.rows.split(256)
        ]
        self.placed = (torch.cat(parts) * 255).round().byte()

    def batch(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """(images (B, 3, H, W) in [-1, 1], rows (B,) of the book)."""
        which = torch.multinomial(self.weights[self.rows], count, True, generator=rng)
        colour, alpha = (self.placed[which].float() / 255).split((3, 1), 1)
        luck = torch.rand(count, generator=rng)
        angle = (torch.rand(count, generator=rng) * 4.2 + 1.0) * (luck < self.recolour / 2)
        colour = pictures.hue_rotated(colour, angle)
        tint = POINTS[torch.randint(len(POINTS), (count,), generator=rng)]
        tint = (tint + 0.05 * torch.randn(count, 3, generator=rng)).clamp(0, 1)
        painted = (luck > 1 - self.recolour / 2).view(-1, 1, 1, 1)
        colour = torch.where(painted, pictures.shaded(colour, alpha, tint), colour)
        return pictures.over(colour, alpha, grounds(count, rng)[0]) * 2 - 1, self.rows[which]


def picture_weights(book: pictures.Pictures, chosen: dict) -> Tensor:
    """Each concept's weight, shared among its vendors' pictures; 0 for what is not to be drawn."""
    of_label = chosen["weights"]
    of_concept = torch.tensor([float(of_label.get(word["label"], 0)) for word in book.words])
    share = torch.tensor([float(chosen["vendors"].get(vendor, 0)) for vendor in book.vendors])
    total = torch.zeros(len(book.words)).index_add_(0, book.concepts, share).clamp(min=1e-6)
    return of_concept[book.concepts] * share / total[book.concepts]


def grounds(count: int, rng: torch.Generator) -> tuple[Tensor, list[str | None]]:
    """Plain backgrounds (B, 3, 1, 1): white for most, some faintly tinted, a quarter of a named
    colour; and the names. Ground that is one flat colour leaves nearly all of the small network
    for the object."""
    kind = torch.rand(count, 1, 1, 1, generator=rng)
    faint = 1 - 0.2 * torch.rand(count, 3, 1, 1, generator=rng)
    which = torch.randint(len(POINTS), (count,), generator=rng)
    named = POINTS[which][:, :, None, None]
    named = (named + 0.06 * torch.randn(count, 3, 1, 1, generator=rng)).clamp(0, 1)
    tinted = torch.where(kind > 0.6, faint, torch.ones_like(faint))
    names = [
        "white" if luck <= 0.6 else NAMES[OWNER[i]] if luck > 0.75 else None
        for luck, i in zip(kind.flatten().tolist(), which.tolist(), strict=True)
    ]
    return torch.where(kind > 0.75, named, tinted), names
