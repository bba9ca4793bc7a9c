"""Trains the small autoencoder of generator=codes on the prepared pictures.

    python -m guided.training.autoencoder minutes=60

Its codes are unit vectors; the loss is that of pixels and edges, of the codes and of the
commitment to them, and of how evenly they are used. The decoder gets disturbed latents, so that
it draws whole objects from latents that no picture has, as guides find them.

van den Oord, Vinyals and Kavukcuoglu 2017, "Neural Discrete Representation Learning",
https://arxiv.org/abs/1711.00937. Unit vectors: Yu et al. 2022, "Vector-quantized Image Modeling
with Improved VQGAN", https://arxiv.org/abs/2110.04627. Even use: Yu et al. 2024, "Language Model
Beats Diffusion", equation 5, https://arxiv.org/abs/2310.05737. Disturbed latents: Yang et al.
2025, "Latent Denoising Makes Good Visual Tokenizers", https://arxiv.org/abs/2507.15856
"""

from __future__ import annotations

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from guided.errors import BadInput
from guided.generators.codes.card import CodesCard, VQConfig
from guided.generators.codes.network import Autoencoder
from guided.training.common import checkpoint, log
from guided.training.common.muon import Muon
from guided.training.common.settings import TrainingSettings, main
from guided.training.common.trainer import Trainer, prepare
from guided.training.data import pictures, sources
from guided.training.data.subjects import picture_weights
from guided.training.diffusion.train import any_card_of
from guided.training.diffusion.upscaler import LARGE, composed, loss_of

SAMPLES = 8  # pictures on a sheet
COMMITMENT = 0.25  # weight of the latents' distance from their codes
EVENNESS = 0.05  # weight of the even use of codes
SHARPNESS = 50.0  # of the soft choice of codes that the even use is measured by
LAYERS = ("encoder.conv_blocks", "encoder.mid", "decoder.conv_blocks", "decoder.mid")


@dataclass
class Settings(TrainingSettings):
    """The settings of the autoencoder's training."""

    out: str = "runs/autoencoder"
    batch: int = 16
    crop: int = 32  # side of a training window in pixels
    whole: float = 0.7  # share of the steps whose windows are whole pictures
    noise: float = 0.5  # largest share of a random direction in the latents that are decoded
    lr: float = 0.02  # of Muon, for the matrices inside
    adam_lr: float = 1e-3  # for everything else

    def check(self) -> None:
        super().check()
        pictures.check_prepared(self.data)
        step = architecture().divisor
        if not step <= self.crop <= LARGE or self.crop % step:
            raise BadInput(f"crop={self.crop} must be a multiple of {step} up to {LARGE}")
        for name in ("whole", "noise"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name}={getattr(self, name)} is a share, from 0 to 1")


def architecture() -> VQConfig:
    """Return the architecture of the card codes_small."""
    card = any_card_of("codes_small")
    assert isinstance(card, CodesCard)
    return card.vq


def windowed(images: Tensor, side: int, whole: float, rng: torch.Generator) -> Tensor:
    """Return the same random window (B, 3, side, side) of all square pictures; of them reduced to
    `side`, thus all of them, in the share `whole` of the calls, else to a random size from
    there."""
    size = side
    if torch.rand((), generator=rng) >= whole:
        size = int(torch.randint(side, images.shape[-1] + 1, (), generator=rng))
    images = F.interpolate(images, size=(size, size), mode="bilinear", antialias=True)
    x, y = torch.randint(0, size - side + 1, (2,), generator=rng).tolist()
    return images[:, :, y : y + side, x : x + side]


def disturbed(latents: Tensor, noise: float, rng: torch.Generator) -> Tensor:
    """Return unit vectors (B, code, h, w) turned towards random directions, each picture's by a
    random share up to `noise`, mostly little."""
    shares = noise * torch.rand(len(latents), 1, 1, 1, generator=rng).square()
    random = F.normalize(torch.randn(latents.shape, generator=rng), dim=1)
    return F.normalize(latents.lerp(random.to(latents), shares.to(latents)), dim=1)


def unevenness(latents: Tensor, codes: Tensor) -> Tensor:
    """Return how unevenly unit vectors (B, code, h, w) choose among codes (N, code): log N less
    the entropy of the mean soft choice, 0 where all are chosen as often."""
    vectors = latents.movedim(1, -1).flatten(0, -2)
    use = (SHARPNESS * vectors @ codes.T).softmax(-1).mean(0)
    return math.log(len(codes)) + (use * use.clamp(min=1e-9).log()).sum()


def losses(
    model: Autoencoder,
    images: Tensor,
    noise: float,
    rng: torch.Generator,
    autocast: AbstractContextManager,
) -> dict[str, Tensor]:
    """Return the losses of pictures (B, 3, H, W) in [0, 1]: of pixels and edges, of latents and
    codes to each other, and of the use of codes. Codes are chosen in float32: in half precision
    another one would be the nearest."""
    book = model.quantize
    with autocast:
        encoded = model.encode(images * 2 - 1)
    latents = book.directed(encoded.float())
    codes = book.nearest(latents)
    told = book(disturbed(latents, noise, rng))
    with autocast:
        drawn = model.decode(told)
    distance = F.mse_loss(codes, latents.detach()) + COMMITMENT * F.mse_loss(
        latents, codes.detach()
    )
    uneven = EVENNESS * unevenness(latents, book.codes())
    return {"pixels": loss_of((drawn.float() + 1) / 2, images), "codes": distance, "use": uneven}


def optimizers(model: Autoencoder, settings: Settings) -> list[Optimizer]:
    """Return Muon for the inner matrices and AdamW for everything else."""
    inside: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, weight in model.named_parameters():
        (inside if weight.ndim > 1 and name.startswith(LAYERS) else rest).append(weight)
    adam = AdamW(rest, settings.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(inside, settings.lr), adam]


@torch.no_grad()
def draw_samples(weights: dict[str, Tensor], images: Tensor, path: Path) -> None:
    """Write a sheet of two rows: pictures, and their reconstructions."""
    model = Autoencoder(architecture())
    model.load_state_dict(weights)
    made = (model.decode(model.quantize(model.encode(images * 2 - 1))) + 1) / 2
    log.sheet(torch.cat([images, made.clamp(0, 1)]), path, columns=len(images), zoom=2)


def train(settings: Settings) -> None:
    """Train the autoencoder and ship its averaged weights."""
    device = prepare(settings)
    dataset = pictures.load(settings.data, LARGE)
    weights = picture_weights(dataset, sources.subjects()) + 0.05
    model = Autoencoder(architecture()).to(device)
    trainer = Trainer(settings, model, optimizers(model, settings))
    examples = composed(dataset, weights, SAMPLES, torch.Generator().manual_seed(settings.seed))
    examples = F.interpolate(examples, size=settings.crop, mode="area")

    def make(step: int, rng: torch.Generator) -> Tensor:
        large = composed(dataset, weights, settings.batch, rng)
        return windowed(large, settings.crop, settings.whole, rng)

    def loss(images: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        found = losses(model, images.to(device), settings.noise, rng, trainer.autocast())
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
