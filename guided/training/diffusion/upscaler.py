"""Trains the x4 upscaler of the embedded pair, from 32 to 128 pixels.

    python -m guided.training.diffusion.upscaler minutes=6

Its inputs have the faults of a small denoiser, noise and blur, so that it removes them.

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
from guided.errors import BadInput
from guided.outputs.manners import over
from guided.training.common import checkpoint, log
from guided.training.common.settings import TrainingSettings, main
from guided.training.common.trainer import Trainer, prepare
from guided.training.data import pictures, sources
from guided.training.data.augmentation import backgrounds
from guided.training.data.subjects import FILL, picture_weights

LARGE, TIMES = 128, 4
WINDOWS = 3  # of a batch, per step
SAMPLES = 8  # pictures on a sheet


@dataclass
class Settings(TrainingSettings):
    """The settings of the upscaler's training."""

    out: str = "runs/upscaler"
    minutes: float = 6.0
    fade: float = 0.3
    batch: int = 16
    crop: int = 16  # side of a training window in pixels of the small picture
    lr: float = 1e-3  # of Adam
    look_every: float = 2.0

    def check(self) -> None:
        super().check()
        pictures.check_prepared(self.data)
        if not 1 <= self.crop <= LARGE // TIMES:
            raise BadInput(f"crop={self.crop} must be from 1 to {LARGE // TIMES}")


def batch(
    dataset: pictures.Pictures, weights: Tensor, count: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return small (B, 3, 32, 32) and large (B, 3, 128, 128) pictures, the small ones degraded."""
    large = composed(dataset, weights, count, rng)
    return degraded(F.interpolate(large, scale_factor=1 / TIMES, mode="area"), rng), large


def composed(
    dataset: pictures.Pictures, weights: Tensor, count: int, rng: torch.Generator
) -> Tensor:
    """Return pictures (B, 3, 128, 128) in [0, 1]: objects of several hues and sizes on
    backgrounds."""
    rows = torch.multinomial(weights, count, replacement=True, generator=rng)
    colour, alpha = dataset.batch(rows)
    angle = torch.rand(count, generator=rng) * 6.28 * (torch.rand(count, generator=rng) < 0.3)
    scale = FILL * (0.7 + 0.35 * torch.rand((), generator=rng).item())
    shift = torch.randint(-6, 7, (count, 2), generator=rng)
    colour, alpha = pictures.placed(
        pictures.hue_rotated(colour, angle), alpha, LARGE, scale, shift
    )
    return over(colour, alpha, backgrounds(count, LARGE, rng)[0])


def degraded(small: Tensor, rng: torch.Generator) -> Tensor:
    """Return pictures with random blur and noise."""
    soft = F.avg_pool2d(F.pad(small, (1, 1, 1, 1), mode="replicate"), 3, stride=1)
    blend = torch.rand(len(small), 1, 1, 1, generator=rng) * 0.5
    noise = torch.randn(small.shape, generator=rng)
    level = torch.rand(len(small), 1, 1, 1, generator=rng)
    return (small.lerp(soft, blend) + noise * level * 0.05).clamp(0, 1)


def cropped(
    small: Tensor, large: Tensor, side: int, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the same random window of both, `side` small pixels wide."""
    x, y = torch.randint(0, small.shape[-1] - side + 1, (2,), generator=rng).tolist()
    part = large[:, :, y * TIMES : (y + side) * TIMES, x * TIMES : (x + side) * TIMES]
    return small[:, :, y : y + side, x : x + side], part


def loss_of(output: Tensor, large: Tensor) -> Tensor:
    """Return the mean absolute error of pixels and of their differences, which keeps edges
    sharp."""
    across = (output.diff(dim=3) - large.diff(dim=3)).abs().mean()
    down = (output.diff(dim=2) - large.diff(dim=2)).abs().mean()
    return (output - large).abs().mean() + 0.5 * (across + down)


@torch.no_grad()
def draw_samples(weights: dict[str, Tensor], small: Tensor, large: Tensor, path: Path) -> None:
    """Write a sheet of rows: input, output and target."""
    model = Upscaler()
    model.load_state_dict(weights)
    enlarged = F.interpolate(small, scale_factor=TIMES)
    log.sheet(torch.cat([enlarged, model(small), large]), path, columns=len(small), zoom=1)


def train(settings: Settings) -> None:
    """Train the upscaler and ship its averaged weights."""
    device = prepare(settings)
    dataset = pictures.load(settings.data, LARGE)
    weights = picture_weights(dataset, sources.subjects()) + 0.05
    model = Upscaler().to(device)
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # in torch's stubs
    adam = AdamW(model.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=0.0)
    trainer = Trainer(settings, model, [adam], warmup=50)
    examples = batch(dataset, weights, SAMPLES, torch.Generator().manual_seed(settings.seed))

    def make(step: int, rng: torch.Generator) -> list[tuple[Tensor, Tensor]]:
        """Return several windows of one batch, which costs more to make than to train on."""
        pair = batch(dataset, weights, settings.batch, rng)
        return [cropped(*pair, settings.crop, rng) for _ in range(WINDOWS)]

    def loss(
        windows: list[tuple[Tensor, Tensor]], rng: torch.Generator
    ) -> tuple[Tensor, dict[str, float]]:
        total = torch.zeros((), device=device)
        for small, large in windows:
            small = small.to(device, memory_format=torch.channels_last)
            total = total + loss_of(model(small), large.to(device)) / WINDOWS
        return total, {}

    def look() -> None:
        averaged = trainer.averaged()
        draw_samples(averaged, *examples, trainer.out / f"samples-{trainer.step:06d}.png")
        metadata = {"samples": str(trainer.step * settings.batch)}
        checkpoint.ship(averaged, trainer.ship_path("upscaler.safetensors"), metadata)

    trainer.fit(make, loss, look)


if __name__ == "__main__":
    main(Settings, train)
