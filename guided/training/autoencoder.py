"""Trains the small autoencoder of generator=codes on the prepared pictures.

    python -m guided.training.autoencoder minutes=60

Its codes are unit vectors, so that most of them come into use; the loss is that of pixels and
edges, of the codes and of the commitment to them.

van den Oord, Vinyals and Kavukcuoglu 2017, "Neural Discrete Representation Learning",
https://arxiv.org/abs/1711.00937. Unit vectors: Yu et al. 2022, "Vector-quantized Image Modeling
with Improved VQGAN", https://arxiv.org/abs/2110.04627
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.optim import AdamW

from guided.config.composition import compose
from guided.config.schema import build
from guided.errors import BadInput
from guided.generators.codes.card import VQConfig
from guided.generators.codes.network import Autoencoder
from guided.training.common import checkpoint, log
from guided.training.common.settings import TrainingSettings, main
from guided.training.common.trainer import Trainer, prepare
from guided.training.data import pictures, sources
from guided.training.data.subjects import picture_weights
from guided.training.diffusion.upscaler import LARGE, composed, loss_of

SAMPLES = 8  # pictures on a sheet
COMMITMENT = 0.25  # weight of the latents' distance from their codes


@dataclass
class Settings(TrainingSettings):
    """The settings of the autoencoder's training."""

    out: str = "runs/autoencoder"
    batch: int = 16
    crop: int = 64  # side of a training window in pixels
    lr: float = 1e-3  # of Adam

    def check(self) -> None:
        super().check()
        pictures.check_prepared(self.data)
        step = architecture().divisor
        if not step <= self.crop <= LARGE or self.crop % step:
            raise BadInput(f"crop={self.crop} must be a multiple of {step} up to {LARGE}")


def architecture() -> VQConfig:
    """Return the architecture of the card codes_small."""
    return build(compose(["model=codes_small"]).model, "model").vq


def cropped(images: Tensor, side: int, rng: torch.Generator) -> Tensor:
    """Return the same random window of all pictures."""
    x, y = torch.randint(0, images.shape[-1] - side + 1, (2,), generator=rng).tolist()
    return images[:, :, y : y + side, x : x + side]


def losses(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """Return the losses of pictures (B, 3, H, W) in [0, 1]: of pixels and edges, and of latents
    and codes to each other."""
    book = model.quantize
    latents = book.directed(model.encode(images * 2 - 1))
    codes = book.nearest(latents)
    drawn = model.decode(latents + (codes - latents).detach())
    distance = F.mse_loss(codes, latents.detach()) + COMMITMENT * F.mse_loss(
        latents, codes.detach()
    )
    return {"pixels": loss_of((drawn + 1) / 2, images), "codes": distance}


@torch.no_grad()
def draw_samples(weights: dict[str, Tensor], images: Tensor, path: Path) -> None:
    """Write a sheet of two rows: pictures, and their reconstructions."""
    model = Autoencoder(architecture())
    model.load_state_dict(weights)
    made = (model.decode(model.quantize(model.encode(images * 2 - 1))) + 1) / 2
    log.sheet(torch.cat([images, made.clamp(0, 1)]), path, columns=len(images), zoom=1)


def train(settings: Settings) -> None:
    """Train the autoencoder and ship its averaged weights."""
    device = prepare(settings)
    dataset = pictures.load(settings.data, LARGE)
    weights = picture_weights(dataset, sources.subjects()) + 0.05
    model = Autoencoder(architecture()).to(device)
    adam = AdamW(model.parameters(), settings.lr, betas=(0.9, 0.98), weight_decay=0.0)
    trainer = Trainer(settings, model, [adam])
    examples = composed(dataset, weights, SAMPLES, torch.Generator().manual_seed(settings.seed))

    def make(step: int, rng: torch.Generator) -> Tensor:
        return cropped(composed(dataset, weights, settings.batch, rng), settings.crop, rng)

    def loss(images: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        with trainer.autocast():
            found = losses(model, images.to(device))
        return sum(found.values(), torch.zeros((), device=device)), {
            name: value.item() for name, value in found.items()
        }

    def look() -> None:
        averaged = trainer.averaged()
        draw_samples(averaged, examples, trainer.out / f"samples-{trainer.step:06d}.png")
        metadata = {"samples": str(trainer.step * settings.batch)}
        checkpoint.ship(averaged, trainer.ship_path("autoencoder.safetensors"), metadata)

    trainer.fit(make, loss, look)


if __name__ == "__main__":
    main(Settings, train)
