"""A pool of what a half-trained denoiser guesses of noised training pictures: what guidance
will show to CLIP.

    python -m guided.training.pool weights=runs/diffusion/state.pt out=runs/pool.pt

CLIP learns crisp pictures; guidance asks it about blurry guesses from the noisiest steps on.
Teaching it those makes the very first steps, which decide the shape, go the right way. Knows
nothing about CLIP itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import yaml
from tqdm import tqdm

from guided.diffusion.denoiser import clean, noised
from guided.diffusion.noise import betas
from guided.diffusion.unet import UNet
from guided.training import pictures
from guided.training.diffusion import HERE, STEPS, Subjects, architecture
from guided.training.settings import from_argv


@dataclass
class Settings:
    weights: str = "runs/diffusion/state.pt"
    data: str = "data"
    out: str = "runs/pool.pt"
    count: int = 6000
    batch: int = 50
    threads: int = 1
    seed: int = 1


@torch.no_grad()
def fill(settings: Settings) -> None:
    """Each guess from its own timestep: low ones teach little, so the draw leans towards the
    noisy end."""
    torch.set_num_threads(settings.threads)
    model = UNet(architecture())
    model.load_state_dict(torch.load(settings.weights, weights_only=True)["ema"])
    model.eval().set_precision(torch.float32)
    book = pictures.load(settings.data, 64)
    subjects = Subjects(
        book, yaml.safe_load((HERE / "subjects.yaml").read_text()), 32, recolour=0.0
    )
    bar = torch.cumprod(1 - betas("cosine", STEPS), 0).float()
    images, chosen, times = [], [], []
    for start in tqdm(range(0, settings.count, settings.batch), "guesses", disable=None):
        dice = torch.Generator().manual_seed(settings.seed * 1_000_003 + start)
        real, rows = subjects.batch(settings.batch, dice)
        t = (torch.rand(settings.batch, generator=dice) ** 0.7 * 960).long()
        alpha, sigma = (part[t].view(-1, 1, 1, 1) for part in (bar.sqrt(), (1 - bar).sqrt()))
        x = noised(real, torch.randn(real.shape, generator=dice), alpha, sigma)
        guess = clean("v", x, model(x, t.float()), alpha, sigma)
        images.append(((guess / 2 + 0.5).clamp(0, 1) * 255).round().byte())
        chosen.append(rows)
        times.append(t)
    Path(settings.out).parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"images": torch.cat(images), "rows": torch.cat(chosen), "times": torch.cat(times)},
        settings.out,
    )


if __name__ == "__main__":
    fill(from_argv(Settings))
