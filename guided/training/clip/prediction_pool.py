r"""A pool of a denoiser's predictions for noised training pictures, as CLIP sees them in guidance.

    python -m guided.training.clip.prediction_pool \
        weights=runs/diffusion/diffusion.safetensors out=runs/pool.pt

CLIP learns crisp pictures, but guidance shows it blurry predictions from the noisiest steps on.
Training on those too improves the first steps, which decide the shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from guided.devices import find_device
from guided.diffusion.parametrisation import clean, noised
from guided.models.load import load_unet
from guided.outputs.manners import over
from guided.training.common.files import replacing
from guided.training.common.settings import main
from guided.training.data import augmentation, pictures, sources
from guided.training.data.subjects import FILL, SubjectBatches, plain_backgrounds
from guided.training.diffusion.objective import Objective
from guided.training.diffusion.train import card_of


@dataclass
class Settings:
    """The settings of a pool."""

    model: str = "embedded"  # the denoiser, as run.py's model=
    weights: str = ""  # other weights of that model; empty: its own
    data: str = "data"  # the output of guided.training.data
    out: str = "runs/pool.pt"  # the file of the pool
    count: int = 6000  # predictions
    batch: int = 50  # pictures at once
    recolour: float = 0.3  # share with another hue, unless the name says the colour
    threads: int = 0  # CPU cores; 0: all
    seed: int = 1  # of pictures, noise and colours
    device: str = "auto"  # auto, cpu, cuda, mps, xpu


@torch.no_grad()
def fill(settings: Settings) -> None:
    """Write the pool: predictions at random timesteps, more of them at the noisy end.

    Entries (N): images (N, 3, H, W) uint8, rows of the data set, indices of colours and grounds
    in augmentation.NAMES or -1, times.
    """
    card = card_of(settings.model)
    dataset = pictures.load(settings.data, 64)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    card.file = str(Path(settings.weights).absolute()) if settings.weights else card.file
    device = find_device(settings.device)
    model = load_unet(card, device, torch.float32)
    objective = Objective(card.schedule, card.prediction)
    subjects = SubjectBatches(dataset, sources.subjects(), card.size[0], recolour=0.0)
    pool: dict[str, list[Tensor]] = {}
    for start in tqdm(range(0, settings.count, settings.batch), "predictions", disable=None):
        rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + start)
        real, labels = labelled(subjects, settings, rng)
        t = (torch.rand(settings.batch, generator=rng) ** 0.7 * 960).long()
        alpha, sigma = (part.float() for part in objective.scales(t))
        x = noised(real, torch.randn(real.shape, generator=rng), alpha, sigma)
        out = model(x.to(device), t.to(device, torch.float32)).cpu()[:, :3]
        prediction = clean(card.prediction, x, out, alpha, sigma)
        images = ((prediction / 2 + 0.5).clamp(0, 1) * 255).round().byte()
        for name, part in {**labels, "images": images, "times": t}.items():
            pool.setdefault(name, []).append(part)
    with replacing(Path(settings.out)) as draft:
        torch.save({name: torch.cat(parts) for name, parts in pool.items()}, draft)


def labelled(
    subjects: SubjectBatches, settings: Settings, rng: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Return pictures (B, 3, H, W) in [-1, 1] like those that the denoiser learnt from, and their
    rows, colours and grounds (see fill)."""
    rows = torch.multinomial(subjects.weights, settings.batch, True, generator=rng)
    colour, alpha = subjects.dataset.batch(rows)
    colour = augmentation.recoloured(colour, subjects.dataset, rows, settings.recolour, rng)
    names = augmentation.colour_names(colour, alpha)
    placed = pictures.placed(colour, alpha, subjects.size, FILL)
    behind, grounds = plain_backgrounds(settings.batch, rng)
    labels = {
        "rows": rows,
        "colours": augmentation.indices_of(names),
        "grounds": augmentation.indices_of(grounds),
    }
    return over(*placed, behind) * 2 - 1, labels


if __name__ == "__main__":
    main(Settings, fill)
