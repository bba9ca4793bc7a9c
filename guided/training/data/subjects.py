"""The batches that a diffusion model learns from: prepared pictures by weight, on plain
backgrounds.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guided.outputs.manner_names import MANNERS
from guided.outputs.manners import over
from guided.training.data import manners, pictures
from guided.training.data.augmentation import NAMES, OWNER, POINTS

FILL = 0.875  # share of the canvas that an object spans


class SubjectBatches:
    """The weighted pictures, at `size` pixels. Of the share `recolour` half get another hue, and
    half shades of one named colour; the share `mannered` is drawn in a manner."""

    def __init__(
        self, dataset: pictures.Pictures, chosen: dict, size: int, recolour: float,
        mannered: float = 0.0,
    ) -> None:  # fmt: skip
        self.dataset, self.size, self.recolour = dataset, size, recolour
        self.mannered = mannered
        self.weights = picture_weights(dataset, chosen)
        self.rows = self.weights.nonzero()[:, 0]
        parts = [
            torch.cat(pictures.placed(*dataset.batch(rows), size, FILL), 1)
            for rows in self.rows.split(256)
        ]
        self.placed = (torch.cat(parts) * 255).round().byte()

    def batch(self, count: int, rng: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return images (B, 3, H, W) in [-1, 1] and their rows (B,) in the data set."""
        which = torch.multinomial(self.weights[self.rows], count, True, generator=rng)
        colour, alpha = (self.placed[which].float() / 255).split((3, 1), 1)
        chance = torch.rand(count, generator=rng)
        angle = (torch.rand(count, generator=rng) * 4.2 + 1.0) * (chance < self.recolour / 2)
        colour = pictures.hue_rotated(colour, angle)
        tint = POINTS[torch.randint(len(POINTS), (count,), generator=rng)]
        tint = (tint + 0.05 * torch.randn(count, 3, generator=rng)).clamp(0, 1)
        painted = (chance > 1 - self.recolour / 2).view(-1, 1, 1, 1)
        colour = torch.where(painted, pictures.shaded(colour, alpha, tint), colour)
        images = over(colour, alpha, plain_backgrounds(count, rng)[0])
        some = round(count * self.mannered)
        if some:
            manner = torch.randint(len(MANNERS), (some,), generator=rng)
            images[:some] = manners.drawn(colour[:some], alpha[:some], manner, rng)
        return images * 2 - 1, self.rows[which]


def picture_weights(dataset: pictures.Pictures, chosen: dict) -> Tensor:
    """Return each picture's weight (N,): its concept's, divided among its vendors; 0 for a concept
    that is not drawn."""
    of_label = chosen["weights"]
    of_concept = torch.tensor([float(of_label.get(word["label"], 0)) for word in dataset.words])
    share = torch.tensor([float(chosen["vendors"].get(vendor, 0)) for vendor in dataset.vendors])
    total = torch.zeros(len(dataset.words)).index_add_(0, dataset.concepts, share).clamp(min=1e-6)
    return of_concept[dataset.concepts] * share / total[dataset.concepts]


def plain_backgrounds(count: int, rng: torch.Generator) -> tuple[Tensor, list[str | None]]:
    """Return plain backgrounds (B, 3, 1, 1), mostly white, some faintly tinted, a quarter of a
    named colour, and the names of their colours. A flat background leaves nearly all of the small
    network's capacity to the object."""
    kind = torch.rand(count, 1, 1, 1, generator=rng)
    faint = 1 - 0.2 * torch.rand(count, 3, 1, 1, generator=rng)
    which = torch.randint(len(POINTS), (count,), generator=rng)
    named = POINTS[which][:, :, None, None]
    named = (named + 0.06 * torch.randn(count, 3, 1, 1, generator=rng)).clamp(0, 1)
    tinted = torch.where(kind > 0.6, faint, torch.ones_like(faint))
    names = [
        "white" if k <= 0.6 else NAMES[OWNER[i]] if k > 0.75 else None
        for k, i in zip(kind.flatten().tolist(), which.tolist(), strict=True)
    ]
    return torch.where(kind > 0.75, named, tinted), names
