"""Measures how far a diffusion model is from the optimal denoiser of its own training pictures.

    python -m guided.training.evaluation.oracle_gap                          # the embedded one
    python -m guided.training.evaluation.oracle_gap model=runs/diffusion/diffusion.yaml

For finitely many pictures the optimal prediction is known: their mean, weighted by the probability
of the noisy picture given each. A model that equals it has memorised its pictures; one with far
larger errors at times where noise hides details but not shapes has not learnt the shapes.

Karras et al., "Elucidating the Design Space of Diffusion-Based
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
from guided.outputs.manners import over
from guided.training.common.settings import main
from guided.training.data import pictures, sources
from guided.training.data.subjects import FILL, SubjectBatches
from guided.training.diffusion.objective import STEPS
from guided.training.diffusion.train import card_of

TIMES = (100, 300, 500, 600, 700, 750, 800, 850, 900, 950)  # of 1000


@dataclass
class Settings:
    """The settings of the measurement."""

    model: str = "embedded"  # as run.py's model=
    data: str = "data"  # the output of guided.training.data
    count: int = 48  # noised pictures
    seed: int = 0  # of the noise and of the choice of pictures
    device: str = "auto"  # auto, cpu, cuda, mps, xpu


@dataclass
class OracleDenoiser:
    """The optimal denoiser of a finite set of pictures."""

    pictures: Tensor  # (N, 3, H, W) in [-1, 1]
    weights: Tensor  # (N,), the frequency of each; above 0

    def __call__(self, x: Tensor, alpha: float, sigma: float) -> Tensor:
        """Return the expected picture of x = alpha * picture + sigma * noise, (B, 3, H, W)."""
        known = self.pictures.flatten(1).double()
        distance = torch.cdist(x.flatten(1).double(), alpha * known)
        share = (self.weights.double().log() - distance.square() / (2 * sigma**2)).softmax(1)
        return (share @ known).view_as(x).to(x)


@dataclass
class GapAtTime:
    """Mean squared errors at one time."""

    time: int
    oracle: float  # of the optimal prediction
    model: float  # of the model's
    gap: float  # between the two


def of_data(folder: str, size: int) -> OracleDenoiser:
    """Return the oracle of the embedded model's training pictures, on white."""
    dataset = pictures.load(folder, 64)
    weights = SubjectBatches(dataset, sources.subjects(), size, recolour=0.0).weights
    rows = weights.nonzero()[:, 0]
    placed = pictures.placed(*dataset.batch(rows), size, FILL)
    return OracleDenoiser(over(*placed, torch.ones(1, 3, 1, 1)) * 2 - 1, weights[rows])


@torch.no_grad()
def compare(
    model: UNet, card: ModelCard, oracle: OracleDenoiser, count: int, seed: int
) -> Iterator[GapAtTime]:
    """Yield the errors at each of TIMES, over the same `count` pictures."""
    rng = torch.Generator().manual_seed(seed)
    clean = oracle.pictures[torch.multinomial(oracle.weights, count, True, generator=rng)]
    device = next(model.parameters()).device
    denoiser = ModelDenoiser(model, timeline(card.schedule, STEPS), card.prediction)
    for time in TIMES:
        scales = denoiser.timeline.scales(time)
        x = noised(clean, torch.randn(clean.shape, generator=rng), *scales)
        prediction, best = denoiser(x.to(device), time).unguided.cpu(), oracle(x, *scales)
        yield GapAtTime(
            time, error(best, clean), error(prediction, clean), error(prediction, best)
        )


def error(a: Tensor, b: Tensor) -> float:
    """Return the mean squared error."""
    return (a - b).square().mean().item()


def measure(settings: Settings) -> None:
    """Print the table of errors."""
    if settings.count < 1:
        raise BadInput(f"count={settings.count} must be 1 or more")
    card = card_of(settings.model)
    if missing := card.missing():
        raise BadInput(f"model={settings.model}: {missing}")
    oracle = of_data(settings.data, card.size[0])
    model = load_unet(card, find_device(settings.device), torch.float32)
    print(f"{len(oracle.pictures)} pictures\n{'time':>5} {'oracle':>7} {'model':>7} {'gap':>7}")
    for row in compare(model, card, oracle, settings.count, settings.seed):
        print(f"{row.time:5} {row.oracle:7.4f} {row.model:7.4f} {row.gap:7.4f}", flush=True)


if __name__ == "__main__":
    main(Settings, measure)
