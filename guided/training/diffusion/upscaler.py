"""Trains the x4 upscaler of the embedded pair: 32 pixels of a small picture into 128 crisp
ones.

    python -m guided.training.diffusion.upscaler minutes=6

Knows nothing about diffusion; small inputs get the faults of a small denoiser (noise, softness)
so that these are cleaned up.

Lim et al., "Enhanced Deep Residual Networks for Single Image Super-Resolution", 2017,
https://arxiv.org/abs/1707.02921
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW

from guided.canvas.upscaler import Upscaler
from guided.devices import find_device
from guided.errors import BadInput
from guided.training.common import checkpoint, log
from guided.training.common.settings import Training, main
from guided.training.common.trainer import Trainer
from guided.training.data import pictures, sources
from guided.training.data.augmentation import grounds
from guided.training.data.subjects import FILL, picture_weights

LARGE, TIMES = 128, 4
WINDOWS = 3  # of a batch, per step


@dataclass
class Settings(Training):
    out: str = "runs/upscaler"
    minutes: float = 6.0
    fade: float = 0.3
    batch: int = 16
    crop: int = 16  # pixels of the small picture per example
    lr: float = 1e-3
    look_every: float = 2.0

    def check(self) -> None:
        super().check()
        if not pictures.prepared(self.data):
            raise BadInput(f"data={self.data}: python -m guided.training.data makes it")
        if not 1 <= self.crop <= LARGE // TIMES:
            raise BadInput(f"crop={self.crop} must be from 1 to {LARGE // TIMES}")


def batch(
    book: pictures.Pictures, weights: Tensor, count: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """(small (B, 3, 32, 32), large (B, 3, 128, 128)): whole pictures, the small ones a little
    worn."""
    rows = torch.multinomial(weights, count, replacement=True, generator=rng)
    colour, alpha = book.batch(rows)
    angle = torch.rand(count, generator=rng) * 6.28 * (torch.rand(count, generator=rng) < 0.3)
    scale = FILL * (0.7 + 0.35 * torch.rand((), generator=rng).item())
    shift = torch.randint(-6, 7, (count, 2), generator=rng)
    colour, alpha = pictures.placed(
        pictures.hue_rotated(colour, angle), alpha, LARGE, scale, shift
    )
    large = pictures.over(colour, alpha, grounds(count, LARGE, rng)[0])
    return worn(F.interpolate(large, scale_factor=1 / TIMES, mode="area"), rng), large


def worn(small: Tensor, rng: torch.Generator) -> Tensor:
    soft = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    blend = torch.rand(len(small), 1, 1, 1, generator=rng) * 0.5
    noise = (
        torch.randn(small.shape, generator=rng)
        * torch.rand(len(small), 1, 1, 1, generator=rng)
        * 0.05
    )
    return (small.lerp(soft, blend) + noise).clamp(0, 1)


def cropped(
    small: Tensor, large: Tensor, side: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """The same window of both; a window is cheaper than the whole and teaches as much."""
    x, y = torch.randint(0, small.shape[-1] - side + 1, (2,), generator=rng).tolist()
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
    log.sheet(torch.cat([blocks, model(small), large]), path, columns=len(small), zoom=1)


def train(settings: Settings) -> None:
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    book = pictures.load(settings.data, LARGE)
    weights = picture_weights(book, sources.subjects()) + 0.05
    device = find_device(settings.device)
    model = Upscaler().to(device, memory_format=torch.channels_last)
    adam = AdamW(model.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=0.0)
    course = Trainer(settings, model, [adam], warmup=50)

    def make(step: int, rng: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Windows of one batch: making a batch costs more than learning from a window of it."""
        pair = batch(book, weights, settings.batch, rng)
        return [pair, *(cropped(*pair, settings.crop, rng) for _ in range(WINDOWS))]

    for (whole, *windows), _ in course.batches(make):
        loss = 0
        for small, large in windows:
            small = small.to(device, memory_format=torch.channels_last)
            loss = loss + loss_of(model(small), large.to(device)) / WINDOWS
        course.learn(loss)
        if course.due:
            course.save()
            kept = {key: value.cpu() for key, value in course.ema.weights.items()}
            look(kept, whole[0][:8], whole[1][:8], course.out / f"samples-{course.step:06d}.png")
            path = Path(settings.ship or course.out / "upscaler.safetensors")
            checkpoint.ship(kept, path, {"samples": str(course.step * settings.batch)})


if __name__ == "__main__":
    main(Settings, train)
