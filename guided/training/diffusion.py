"""Trains the small unconditional U-Net of the embedded pair: v-prediction, cosine schedule, 32
pixels.

    python -m guided.training.diffusion minutes=60      # goes on from runs/diffusion/state.pt
    python -m guided.training.diffusion minutes=60 out=runs/mine batch=64 threads=8

Knows nothing about CLIP or prompts: words choose which pictures are shown how often
(subjects.yaml), and no more.

v-prediction: Salimans and Ho, "Progressive Distillation", 2022,
https://arxiv.org/abs/2202.00512 cosine schedule: Nichol and Dhariwal, "Improved DDPM", 2021,
https://arxiv.org/abs/2102.09672
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from guided.diffusion.architecture import UNetConfig
from guided.diffusion.noise import betas
from guided.diffusion.unet import UNet
from guided.training import checkpoint, pictures, watch
from guided.training.muon import Muon
from guided.training.settings import from_argv
from guided.training.views import POINTS

HERE = Path(__file__).parent
STEPS = 1000  # of the forward process
FILL = 0.875  # share of the canvas that an object spans


@dataclass
class Settings:
    data: str = "data"
    out: str = "runs/diffusion"
    minutes: float = 60.0  # of this start; a later start adds to it
    fade: float = 0.0  # minutes before the end over which the learning rate falls to nothing
    batch: int = 32
    lr: float = 0.012  # of Muon, for the convolutions inside
    adam_lr: float = 5e-4  # for everything else; for everything if muon=false
    muon: bool = True
    recolour: float = 0.15  # share of pictures with another hue
    threads: int = 1
    seed: int = 0
    look_every: float = 10.0  # minutes between sample sheets and shipped weights
    ship: str = ""  # where the averaged weights go each time; empty: nowhere


def architecture() -> UNetConfig:
    """7.0 M parameters, 0.43 G multiply-adds: the coarse levels are wide because they are nearly
    free."""
    return UNetConfig(
        image_size=32,
        num_channels=32,
        channel_mult=[1, 2, 4, 6],
        num_res_blocks=1,
        attention_resolutions=[8],
        num_head_channels=32,
        learn_sigma=False,
        use_scale_shift_norm=True,
        resblock_updown=False,
    )


class Subjects:
    """Which pictures are drawn from, and with what probability; made into batches of images in
    [-1, 1]."""

    def __init__(self, book: pictures.Pictures, chosen: dict, size: int, recolour: float) -> None:
        self.book, self.size, self.recolour = book, size, recolour
        self.weights = picture_weights(book, chosen)

    def batch(self, count: int, dice: torch.Generator) -> tuple[Tensor, Tensor]:
        """(images (B, 3, H, W) in [-1, 1], rows (B,) of the book)."""
        rows = torch.multinomial(self.weights, count, replacement=True, generator=dice)
        colour, alpha = self.book.batch(rows)
        turned = torch.rand(count, generator=dice) < self.recolour
        angle = (torch.rand(count, generator=dice) * 4.2 + 1.0) * turned
        shift = torch.randint(-1, 2, (count, 2), generator=dice)
        colour, alpha = pictures.placed(
            pictures.hue_rotated(colour, angle), alpha, self.size, FILL, shift
        )
        return pictures.over(colour, alpha, grounds(count, dice)) * 2 - 1, rows


def picture_weights(book: pictures.Pictures, chosen: dict) -> Tensor:
    """Each concept's weight, shared among its vendors' pictures; 0 for what is not to be drawn."""
    of_label = {}
    for weight, labels in chosen["weights"].items():
        of_label |= dict.fromkeys(
            [s.strip() for s in labels.split(",")] if isinstance(labels, str) else labels, weight
        )
    of_concept = torch.tensor([float(of_label.get(word["label"], 0)) for word in book.words])
    share = torch.tensor([float(chosen["vendors"].get(vendor, 0)) for vendor in book.vendors])
    total = torch.zeros(len(book.words)).index_add_(0, book.concepts, share).clamp(min=1e-6)
    return of_concept[book.concepts] * share / total[book.concepts]


def grounds(count: int, dice: torch.Generator) -> Tensor:
    """Plain backgrounds (B, 3, 1, 1): white for most, some faintly tinted, a third of a named
    colour. Ground that is one flat colour leaves nearly all of the small network for the object.
    """
    kind = torch.rand(count, 1, 1, 1, generator=dice)
    faint = 1 - 0.2 * torch.rand(count, 3, 1, 1, generator=dice)
    named = POINTS[torch.randint(len(POINTS), (count,), generator=dice)][:, :, None, None]
    named = (named + 0.06 * torch.randn(count, 3, 1, 1, generator=dice)).clamp(0, 1)
    tinted = torch.where(kind > 0.58, faint, torch.ones_like(faint))
    return torch.where(kind > 0.66, named, tinted)


def v_loss(model: nn.Module, images: Tensor, bar: Tensor, dice: torch.Generator) -> Tensor:
    """Mean squared error of v at timesteps spread evenly over the batch."""
    count = len(images)
    t = (
        ((torch.arange(count) + torch.rand(count, generator=dice)) / count * STEPS)
        .long()
        .clamp(max=STEPS - 1)
    )
    alpha, sigma = (part[t].view(-1, 1, 1, 1) for part in (bar.sqrt(), (1 - bar).sqrt()))
    noise = torch.randn(images.shape, generator=dice)
    v = model(alpha * images + sigma * noise, t.float())
    return F.mse_loss(v, alpha * noise - sigma * images)


def optimizers(model: nn.Module, settings: Settings) -> list[Optimizer]:
    """Muon for the matrices inside, AdamW for edges, biases and norms."""
    inside = [
        weight
        for name, weight in model.named_parameters()
        if settings.muon
        and weight.ndim > 1
        and not name.startswith(("time_embed", "input_blocks.0.", "out."))
    ]
    kept = {id(weight) for weight in inside}
    rest = [weight for weight in model.parameters() if id(weight) not in kept]
    adam = AdamW(rest, settings.adam_lr, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(inside, settings.lr), adam] if inside else [adam]


def set_pace(steppers: list[Optimizer], pace: float) -> None:
    for optimizer in steppers:
        for group in optimizer.param_groups:
            group.setdefault("full_lr", group["lr"])
            group["lr"] = group["full_lr"] * pace


@torch.no_grad()
def samples(
    weights: dict[str, Tensor], config: UNetConfig, bar: Tensor, count: int = 16, steps: int = 25
) -> Tensor:
    """Unguided DDIM from a fixed seed, to be looked at: (B, 3, H, W) in [0, 1]."""
    model = UNet(config)
    model.load_state_dict(weights)
    model.eval().set_precision(torch.float32)
    x = torch.randn(
        count, 3, config.image_size, config.image_size, generator=torch.Generator().manual_seed(1)
    )
    times = torch.linspace(STEPS - 1, 0, steps).long().tolist()
    for t, s in zip(times, [*times[1:], -1], strict=True):
        v = model(x, torch.full((count,), float(t)))
        alpha, sigma = bar[t].sqrt(), (1 - bar[t]).sqrt()
        pred, eps = (alpha * x - sigma * v).clamp(-1, 1), sigma * x + alpha * v
        x = pred if s < 0 else bar[s].sqrt() * pred + (1 - bar[s]).sqrt() * eps
    return x / 2 + 0.5


def train(settings: Settings) -> None:
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    out, config = Path(settings.out), architecture()
    out.mkdir(parents=True, exist_ok=True)
    bar = torch.cumprod(1 - betas("cosine", STEPS), 0).float()
    book = pictures.load(settings.data, 64)
    subjects = Subjects(
        book,
        yaml.safe_load((HERE / "subjects.yaml").read_text()),
        config.image_size,
        settings.recolour,
    )
    model = UNet(config).set_precision(torch.float32)
    ema, steppers = checkpoint.Ema(model), optimizers(model, settings)
    step, before = checkpoint.resume(out / "state.pt", model, ema, steppers)
    clock, diary = checkpoint.Clock(settings.minutes, before), watch.Diary(out / "diary.csv")
    looked = time.monotonic()
    while not clock.over:
        set_pace(steppers, min(1.0, (step + 1) / 100) * clock.fading(settings.fade))
        dice = torch.Generator().manual_seed(settings.seed * 1_000_003 + step)
        images, _ = subjects.batch(settings.batch, dice)
        loss = v_loss(model, images, bar, dice)
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in steppers:
            optimizer.step()
        step += 1
        ema.update(model, step)
        diary.note(step, clock.minutes, loss=loss.item())
        if time.monotonic() - looked > 60 * settings.look_every or clock.over:
            checkpoint.save(out / "state.pt", model, ema, steppers, step, clock.minutes)
            watch.sheet(samples(ema.weights, config, bar), out / f"samples-{step:06d}.png")
            if settings.ship:
                about = {
                    "config": json.dumps(asdict(config)),
                    "samples": str(step * settings.batch),
                }
                checkpoint.ship(ema.weights, Path(settings.ship), about)
            looked = time.monotonic()


if __name__ == "__main__":
    train(from_argv(Settings))
