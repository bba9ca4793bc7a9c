"""How far a diffusion model is from the best guesses that its own pictures allow.

    python -m guided.training.evaluation.oracle_gap                          # the embedded one
    python -m guided.training.evaluation.oracle_gap model=runs/diffusion/diffusion.yaml

Of finitely many pictures the best guess of the clean one is known: their mean, in which each
counts as much as it makes the noisy one probable. A model that guesses so has learnt its pictures
by heart and draws nothing else; one that falls far short of it where noise hides details, but no
longer shapes, does not know what things look like as a whole, whatever its loss says.

Knows nothing about CLIP. Karras et al., "Elucidating the Design Space of Diffusion-Based
Generative Models", 2022, appendix B.3, https://arxiv.org/abs/2206.00364
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from guided.devices import find_device
from guided.diffusion.denoiser import ModelDenoiser
from guided.diffusion.noise_schedule import timeline
from guided.diffusion.parametrisation import noised
from guided.diffusion.unet import UNet
from guided.errors import BadInput
from guided.models.cards import ModelCard
from guided.models.load import load_unet
from guided.training.common.settings import main
from guided.training.data import pictures, sources
from guided.training.data.subjects import FILL, Subjects
from guided.training.diffusion.objective import STEPS
from guided.training.diffusion.train import card_of

TIMES = (100, 300, 500, 600, 700, 750, 800, 850, 900, 950)  # of 1000


@dataclass
class Settings:
    model: str = "embedded"  # as run.py's model=
    data: str = "data"
    count: int = 48  # pictures to be guessed
    seed: int = 0
    device: str = "auto"


@dataclass
class Ideal:
    """The best guess where all there can be are these pictures."""

    pictures: Tensor  # (N, 3, H, W) in [-1, 1]
    weights: Tensor  # (N,), how often each is met; above 0

    def __call__(self, x: Tensor, alpha: float, sigma: float) -> Tensor:
        """x = alpha * picture + sigma * noise, (B, 3, H, W) -> (B, 3, H, W)."""
        known = self.pictures.flatten(1).double()
        apart = torch.cdist(x.flatten(1).double(), alpha * known)
        share = (self.weights.double().log() - apart.square() / (2 * sigma**2)).softmax(1)
        return (share @ known).view_as(x).to(x)


@dataclass
class Row:
    """Mean squared errors at one time."""

    time: int
    best: float  # of the ideal guess
    model: float  # of the model's
    apart: float  # between the two


def of_data(folder: str, size: int) -> Ideal:
    """What the embedded model learns, on white, where it stands most of the time."""
    book = pictures.load(folder, 64)
    weights = Subjects(book, sources.subjects(), size, recolour=0.0).weights
    rows = weights.nonzero()[:, 0]
    placed = pictures.placed(*book.batch(rows), size, FILL)
    return Ideal(pictures.over(*placed, torch.ones(1, 3, 1, 1)) * 2 - 1, weights[rows])


@torch.no_grad()
def compare(model: UNet, card: ModelCard, ideal: Ideal, count: int, seed: int) -> Iterator[Row]:
    """At each of TIMES, over the same `count` pictures."""
    rng = torch.Generator().manual_seed(seed)
    shown = ideal.pictures[torch.multinomial(ideal.weights, count, True, generator=rng)]
    device = next(model.parameters()).device
    denoiser = ModelDenoiser(model, timeline(card.schedule, STEPS), card.prediction)
    for time in TIMES:
        scales = denoiser.timeline.scales(time)
        x = noised(shown, torch.randn(shown.shape, generator=rng), *scales)
        guess, best = denoiser(x.to(device), time).unguided.cpu(), ideal(x, *scales)
        yield Row(time, *(error(*both) for both in ((best, shown), (guess, shown), (guess, best))))


def error(a: Tensor, b: Tensor) -> float:
    return (a - b).square().mean().item()


def measure(settings: Settings) -> None:
    if settings.count < 1:
        raise BadInput(f"count={settings.count} must be 1 or more")
    card = card_of(settings.model)
    if missing := card.missing():
        raise BadInput(f"model={settings.model}: {missing}")
    ideal = of_data(settings.data, card.size[0])
    model = load_unet(card, find_device(settings.device), torch.float32)
    print(f"{len(ideal.pictures)} pictures\n{'time':>5} {'best':>7} {'model':>7} {'apart':>7}")
    for row in compare(model, card, ideal, settings.count, settings.seed):
        print(f"{row.time:5} {row.best:7.4f} {row.model:7.4f} {row.apart:7.4f}", flush=True)


if __name__ == "__main__":
    main(Settings, measure)
