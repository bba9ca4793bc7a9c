r"""A pool of what a denoiser guesses of noised training pictures: what guidance will show to CLIP.

    python -m guided.training.clip.prediction_pool \
        weights=runs/diffusion/diffusion.safetensors out=runs/pool.pt

CLIP learns crisp pictures; guidance asks it about blurry guesses from the noisiest steps on.
Teaching it those makes the very first steps, which decide the shape, go the right way. Knows
nothing about CLIP itself.
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
from guided.training.common.settings import main
from guided.training.data import augmentation, pictures, sources
from guided.training.data.subjects import FILL, Subjects, grounds
from guided.training.diffusion.objective import Objective
from guided.training.diffusion.train import card_of


@dataclass
class Settings:
    model: str = "embedded"  # whose guesses, as run.py's model=
    weights: str = ""  # other weights of that model; empty: its own
    data: str = "data"
    out: str = "runs/pool.pt"
    count: int = 6000
    batch: int = 50
    recolour: float = 0.3  # share with another hue, where the name does not say the colour
    threads: int = 0
    seed: int = 1
    device: str = "auto"


@torch.no_grad()
def fill(settings: Settings) -> None:
    """Each guess from its own timestep: low ones teach little, so the draw leans towards the
    noisy end."""
    card = card_of(settings.model)
    book = pictures.load(settings.data, 64)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    card.file = str(Path(settings.weights).absolute()) if settings.weights else card.file
    device = find_device(settings.device)
    model = load_unet(card, device, torch.float32)
    objective = Objective(card.schedule, card.prediction)
    subjects = Subjects(book, sources.subjects(), card.size[0], recolour=0.0)
    found: dict[str, list[Tensor]] = {}
    for start in tqdm(range(0, settings.count, settings.batch), "guesses", disable=None):
        rng = torch.Generator().manual_seed(settings.seed * 1_000_003 + start)
        real, about = shown(subjects, settings, rng)
        t = (torch.rand(settings.batch, generator=rng) ** 0.7 * 960).long()
        alpha, sigma = (part.float() for part in objective.scales(t))
        x = noised(real, torch.randn(real.shape, generator=rng), alpha, sigma)
        out = model(x.to(device), t.to(device, torch.float32)).cpu()[:, :3]
        guess = clean(card.prediction, x, out, alpha, sigma)
        about |= {"images": ((guess / 2 + 0.5).clamp(0, 1) * 255).round().byte(), "times": t}
        for name, part in about.items():
            found.setdefault(name, []).append(part)
    Path(settings.out).parent.mkdir(parents=True, exist_ok=True)
    torch.save({name: torch.cat(parts) for name, parts in found.items()}, settings.out)


def shown(
    subjects: Subjects, settings: Settings, rng: torch.Generator
) -> tuple[Tensor, dict[str, Tensor]]:
    """Pictures as the denoiser knows them, (B, 3, H, W) in [-1, 1]; their rows, and the numbers of
    their colours and grounds in views.NAMES, -1 for none."""
    rows = torch.multinomial(subjects.weights, settings.batch, True, generator=rng)
    colour, alpha = subjects.book.batch(rows)
    colour = augmentation.recoloured(colour, subjects.book, rows, settings.recolour, rng)
    names = augmentation.colour_names(colour, alpha)
    placed = pictures.placed(colour, alpha, subjects.size, FILL)
    behind, grounds_said = grounds(settings.batch, rng)
    about = {
        "rows": rows,
        "colours": augmentation.numbers(names),
        "grounds": augmentation.numbers(grounds_said),
    }
    return pictures.over(*placed, behind) * 2 - 1, about


if __name__ == "__main__":
    main(Settings, fill)
