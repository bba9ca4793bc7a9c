"""Trains the x4 upscaler of the embedded pair: 32 pixels of a small picture into 128 crisp
ones.

    python -m guided.training.upscaler minutes=6

Knows nothing about diffusion; small inputs get the faults of a small denoiser (noise, softness)
so that these are cleaned up.

Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", 2017,
https://arxiv.org/abs/1707.02921
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.optim import AdamW

from guided.canvas.upscaler import Upscaler
from guided.training import checkpoint, pictures, watch
from guided.training.diffusion import FILL, picture_weights
from guided.training.settings import from_argv
from guided.training.views import grounds

HERE = Path(__file__).parent
LARGE, TIMES = 128, 4


@dataclass
class Settings:
    data: str = "data"
    out: str = "runs/upscaler"
    minutes: float = 6.0
    fade: float = 2.0
    batch: int = 16
    crop: int = 16  # pixels of the small picture per example
    lr: float = 1e-3
    threads: int = 1
    seed: int = 0
    look_every: float = 2.0
    ship: str = ""


def batch(
    book: pictures.Pictures, weights: Tensor, count: int, dice: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(small (B, 3, 32, 32), large (B, 3, 128, 128)): whole pictures, the small ones a little
    worn."""
    rows = torch.multinomial(weights, count, replacement=True, generator=dice)
    colour, alpha = book.batch(rows)
    angle = torch.rand(count, generator=dice) * 6.28 * (torch.rand(count, generator=dice) < 0.3)
    scale = FILL * (0.7 + 0.35 * torch.rand((), generator=dice).item())
    shift = torch.randint(-6, 7, (count, 2), generator=dice)
    colour, alpha = pictures.placed(
        pictures.hue_rotated(colour, angle), alpha, LARGE, scale, shift
    )
    large = pictures.over(colour, alpha, grounds(count, LARGE, dice)[0])
    return worn(F.interpolate(large, scale_factor=1 / TIMES, mode="area"), dice), large


def worn(small: Tensor, dice: torch.Generator) -> Tensor:
    soft = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    blend = torch.rand(len(small), 1, 1, 1, generator=dice) * 0.5
    noise = (
        torch.randn(small.shape, generator=dice)
        * torch.rand(len(small), 1, 1, 1, generator=dice)
        * 0.05
    )
    return (small.lerp(soft, blend) + noise).clamp(0, 1)


def cropped(
    small: Tensor, large: Tensor, side: int, dice: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The same window of both; a window is cheaper than the whole and teaches as much."""
    x, y = torch.randint(0, small.shape[-1] - side + 1, (2,), generator=dice).tolist()
    part = large[:, :, y * TIMES : (y + side) * TIMES, x * TIMES : (x + side) * TIMES]
    return small[:, :, y : y + side, x : x + side], part


def loss_of(guess: Tensor, large: Tensor) -> Tensor:
    """Absolute error of pixels and of their differences: the second keeps edges sharp."""
    across = (guess.diff(dim=3) - large.diff(dim=3)).abs().mean()
    down = (guess.diff(dim=2) - large.diff(dim=2)).abs().mean()
    return (guess - large).abs().mean() + 0.5 * (across + down)


@torch.no_grad()
def look(weights: dict[str, Tensor], small: Tensor, large: Tensor, path: Path) -> None:
    model = Upscaler()
    model.load_state_dict(weights)
    blocks = F.interpolate(small, scale_factor=TIMES)
    watch.sheet(torch.cat([blocks, model(small), large]), path, columns=len(small), zoom=1)


def train(settings: Settings) -> None:
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    book = pictures.load(settings.data, LARGE)
    weights = picture_weights(book, yaml.safe_load((HERE / "subjects.yaml").read_text())) + 0.05
    model = Upscaler().to(memory_format=torch.channels_last)
    ema, adam = (
        checkpoint.Ema(model),
        AdamW(model.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=0.0),
    )
    step, before = checkpoint.resume(out / "state.pt", model, ema, [adam])
    clock, diary = checkpoint.Clock(settings.minutes, before), watch.Diary(out / "diary.csv")
    looked = time.monotonic()
    while not clock.over:
        for group in adam.param_groups:
            group["lr"] = settings.lr * min(1.0, (step + 1) / 50) * clock.fading(settings.fade)
        dice = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        small, large = batch(book, weights, settings.batch, dice)
        for _ in range(3):  # making a batch costs more than learning from a window of it
            inputs, target = cropped(small, large, settings.crop, dice)
            loss = loss_of(model(inputs.to(memory_format=torch.channels_last)), target)
            model.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            adam.step()
        step += 1
        ema.update(model, step)
        diary.note(step, clock.minutes, loss=loss.item())
        if time.monotonic() - looked > 60 * settings.look_every or clock.over:
            checkpoint.save(out / "state.pt", model, ema, [adam], step, clock.minutes)
            look(ema.weights, small[:8], large[:8], out / f"samples-{step:06d}.png")
            if settings.ship:
                checkpoint.ship(
                    ema.weights, Path(settings.ship), {"samples": str(step * settings.batch)}
                )
            looked = time.monotonic()


if __name__ == "__main__":
    train(from_argv(Settings))
