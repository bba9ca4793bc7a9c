"""Trains a U-Net in guided-diffusion's format: the embedded pair's, one for a folder of your own
pictures, or any known checkpoint further.

    python -m guided.training.diffusion minutes=60                   # the embedded pair's
    python -m guided.training.diffusion data=my_photos size=64 minutes=600
    python -m guided.training.diffusion data=my_paintings init=imagenet256 steps=5000

The same command resumes from out/state.pt. The result is a model: `python run.py
model=out/NAME.yaml`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor
from torch.optim import AdamW, Optimizer

from guided.config.composer import Composer
from guided.config.messages import as_bad_input
from guided.config.overrides import parse_all
from guided.devices import find_device
from guided.diffusion.parametrisation import clean
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import CHANNEL_MULT, UNetConfig
from guided.errors import BadInput, not_one_of
from guided.models.cards import GeneratorCard, ModelCard, Recommended
from guided.models.load import load_unet
from guided.paths import program
from guided.training.common import checkpoint, log
from guided.training.common.muon import Muon
from guided.training.common.settings import TrainingSettings
from guided.training.common.trainer import Trainer, prepare
from guided.training.data import folder, pictures, sources
from guided.training.data.subjects import SubjectBatches
from guided.training.diffusion.objective import STEPS, Objective

OPTIMIZERS, PARTS = ("auto", "muon", "adam"), ("all", "guess", "unet")
Images = Callable[[int, torch.Generator], Tensor]  # (count, generator) -> images in [-1, 1]


@dataclass
class Settings(TrainingSettings):
    """The settings of a diffusion model's training."""

    out: str = "runs/diffusion"
    init: str = ""  # the initial checkpoint, as run.py's model=: a name, a card, a file
    size: int = 0  # pixels; 0: the checkpoint's, or 32
    channels: int = 0  # of the finest level; 0: 32 for 32 pixels, else 64
    optimizer: str = "auto"  # muon, adam; auto: muon from scratch, adam from a checkpoint
    lr: float = 0.0  # 0: 0.012 for Muon (convolutions inside), 3e-5 for Adam from a checkpoint
    adam_lr: float = 5e-4  # for everything else from scratch
    dense_lr: float = 1e-3  # beside Muon, for fully connected layers
    dense_batch: int = 256  # further pictures a step for these fast layers
    dense_hidden: int = 0  # their largest width; 0: the checkpoint's, or twice the others'
    learn: str = "all"  # all, guess (the fully connected layers), unet (the rest)
    recolour: float = 0.18  # share of the prepared pictures with changed colours
    mannered: float = 0.0  # share of the prepared pictures that is drawn in a manner
    middle: float = 0.5  # share of the times in the middle, where shapes are decided
    low: float = 0.0  # share of the times with little noise, where details are decided
    flip: bool = True  # mirror your own pictures at random

    def check(self) -> None:
        super().check()
        if self.optimizer not in OPTIMIZERS:
            raise BadInput(not_one_of("optimizer", self.optimizer, OPTIMIZERS))
        if self.learn not in PARTS:
            raise BadInput(not_one_of("learn", self.learn, PARTS))
        if self.size and self.size % 8:
            raise BadInput(f"size={self.size} must be a multiple of 8, as 64 or 256")
        if self.dense_lr < 0:
            raise BadInput(f"dense_lr={self.dense_lr} must be 0 or more")
        if self.dense_batch < 1:
            raise BadInput(f"dense_batch={self.dense_batch} must be 1 or more")
        for name in ("middle", "low", "recolour", "mannered"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name}={getattr(self, name)} is a share, from 0 to 1")
        if self.middle + self.low > 1:
            raise BadInput(f"middle={self.middle} and low={self.low} must be 1 together at most")

    def begin(self) -> ModelCard:
        """Return the card of the model to train: the checkpoint's own, or a new one's. Raises
        BadInput for settings that do not fit it, before pictures are read."""
        if not self.init:
            like = card_of("embedded")
            side = self.size or like.unet.image_size
            unet = self.widened(architecture(side, self.channels))
            if not unet.dense and self.learn != "all":
                raise BadInput(f"learn={self.learn}: at {side} pixels there is no first guess")
            prediction = "x0" if unet.dense else "v"
            suited = recommended(like.recommended, unet, objects=pictures.prepared(self.data))
            return replace(
                like, unet=unet, size=[side, side], prediction=prediction, upscaler="", name="new",
                recommended=suited,
            )  # fmt: skip
        try:
            card = card_of(self.init)
        except BadInput as error:
            raise BadInput(f"init={self.init}: {error}") from error
        if card.missing():
            raise BadInput(f"init={self.init}: {card.missing()}")
        if self.channels:
            raise BadInput(f"channels={self.channels}: init={self.init} has its own width")
        size = self.size or card.unet.image_size
        if size % card.unet.divisor:
            raise BadInput(f"size={size}: {card.name} takes multiples of {card.unet.divisor}")
        if not card.unet.dense and self.learn != "all":
            raise BadInput(f"learn={self.learn}: {card.name} makes no first guess")
        return replace(card, size=[size, size], unet=self.widened(card.unet))

    def widened(self, unet: UNetConfig) -> UNetConfig:
        """Return the network with `dense_hidden`. Raises BadInput if it would become narrower."""
        if not self.dense_hidden:
            return unet
        setting = f"dense_hidden={self.dense_hidden}"
        if not unet.dense:
            raise BadInput(f"{setting}: this network has no fully connected layers")
        if self.dense_hidden < unet.hidden:
            raise BadInput(f"{setting} must be at least {unet.hidden}, its present width")
        return replace(unet, dense_hidden=self.dense_hidden)


def card_of(model: str) -> ModelCard:
    """Return the card of a model of generator=diffusion, named as in run.py's `model=`. Raises
    BadInput if there is none."""
    card = any_card_of(model)
    if not isinstance(card, ModelCard):
        raise BadInput(
            f"model={model} is for generator={card.generator}, not for "
            f"generator={ModelCard.generator}, as model=embedded is"
        )
    return card


def any_card_of(model: str) -> GeneratorCard:
    """Return the card of a model of any generator. Raises BadInput if there is none."""
    with as_bad_input(), Composer(parse_all([f"model={model}"])).row() as composed:
        card = composed.build(composed.cfg.model, "model")
    assert isinstance(card, GeneratorCard)  # which build has checked
    return card


def recommended(embedded: Recommended, unet: UNetConfig, objects: bool) -> Recommended:
    """Return the recommended settings of a new model: cutouts in the middle if all pictures are
    objects, and, without a first guess, longer guidance with recurrence."""
    suited = replace(embedded, area="middle" if objects else "whole")
    if unet.dense:
        return suited
    return replace(suited, reach=1.0, recurrence=[[0, 4], [0.45, 2], [0.7, 1]])


def architecture(size: int, channels: int = 0) -> UNetConfig:
    """Return the configuration of a new network. For 32 pixels: fully connected layers predict the
    content, with 5.7 M of 7.6 M parameters, and a small U-Net on 2 x 2 patches refines it; else
    guided-diffusion's proportions. Raises BadInput for another size."""
    mult: Sequence[float]
    if size == 32:
        mult, heads = [1, 2, 3], 32
    elif size in CHANNEL_MULT:
        mult, heads = CHANNEL_MULT[size], 64
    else:
        raise BadInput(f"size={size} must be 32, {', '.join(map(str, sorted(CHANNEL_MULT)))}")
    return UNetConfig(
        image_size=size,
        num_channels=channels or (32 if size == 32 else 64),
        channel_mult=list(mult),
        num_res_blocks=1,
        attention_resolutions=[8] if size == 32 else [16, 8],
        num_head_channels=min(heads, channels or heads),
        learn_sigma=False,
        use_scale_shift_norm=True,
        resblock_updown=False,
        patch=2 if size == 32 else 1,
        dense=768 if size == 32 else 0,
    )


def training_images(settings: Settings, size: int) -> Images:
    """Return the source of images: the prepared data, or a folder of pictures."""
    if pictures.prepared(settings.data):
        dataset = pictures.load(settings.data, 64 if size <= 64 else 128)
        subjects = SubjectBatches(
            dataset, sources.subjects(), size, settings.recolour, settings.mannered
        )
        return lambda count, rng: subjects.batch(count, rng)[0]
    own = folder.load(settings.data, size)
    print(f"{len(own.pictures)} pictures in {settings.data}", flush=True)

    def batch(count: int, rng: torch.Generator) -> Tensor:
        rows = torch.randint(len(own.pictures), (count,), generator=rng)
        return own.batch(rows, size, rng, settings.flip) * 2 - 1

    return batch


def optimizers(model: UNet, settings: Settings) -> list[Optimizer]:
    """Return Muon for the inner matrices and AdamW for first and last layers, biases, norms and,
    with a rate of their own, fully connected layers; from a checkpoint, by default AdamW
    alone."""
    muon = settings.optimizer == "muon" or (settings.optimizer == "auto" and not settings.init)
    if not muon:
        rate = settings.lr or (3e-5 if settings.init else settings.adam_lr)
        return [AdamW(model.parameters(), rate, betas=(0.9, 0.98), weight_decay=0.0)]
    blocks = ("input_blocks", "middle_block", "output_blocks")
    inside = [
        weight
        for name, weight in model.named_parameters()
        if weight.ndim > 1 and name.startswith(blocks) and not name.startswith("input_blocks.0.")
    ]
    dense = list(model.dense.parameters()) if model.config.dense else []
    grouped = {id(weight) for weight in (*inside, *dense)}
    rest = [weight for weight in model.parameters() if id(weight) not in grouped]
    groups: list[dict[str, Any]] = [{"params": rest, "lr": settings.adam_lr}]
    if dense:
        groups.append({"params": dense, "lr": settings.dense_lr})
    adam = AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(inside, settings.lr or 0.012), adam]


@torch.no_grad()
def samples(
    weights: dict[str, Tensor], card: ModelCard, device: torch.device, count: int = 16,
    steps: int = 25,
) -> Tensor:  # fmt: skip
    """Return unguided DDIM samples (B, 3, H, W) in [0, 1] from a fixed seed."""
    model = UNet(card.unet).to(device)
    model.load_state_dict(weights)
    model.eval().set_precision(torch.float32)
    bar = Objective(card.schedule, card.prediction).bar.float()
    x = torch.randn(count, 3, *card.size, generator=torch.Generator().manual_seed(1)).to(device)
    times = torch.linspace(STEPS - 1, 0, steps).long().tolist()
    for t, s in zip(times, [*times[1:], -1], strict=True):
        labels = torch.arange(count, device=device) if card.unet.num_classes else None
        out = model(x, torch.full((count,), float(t), device=device), labels)[:, :3]
        alpha, sigma = bar[t].sqrt().item(), (1 - bar[t]).sqrt().item()
        pred = clean(card.prediction, x, out, alpha, sigma).clamp(-1, 1)
        eps = (x - alpha * pred) / sigma
        x = pred if s < 0 else bar[s].sqrt() * pred + (1 - bar[s]).sqrt() * eps
    return x / 2 + 0.5


def ship(trainer: Trainer, weights: dict[str, Tensor], card: ModelCard, source: str) -> Path:
    """Write the averaged weights and a card, and return the card's path: `python run.py
    model=<card>`. source: the name of the initial checkpoint, if any."""
    path = trainer.ship_path(f"{trainer.out.name}.safetensors")
    metadata = {"config": json.dumps(asdict(card.unet)), "steps": str(trainer.step)}
    checkpoint.ship(weights, path, metadata)
    shipped = replace(
        card, name=path.stem, file=path.name, urls=[], sha256="",
        megabytes=round(path.stat().st_size / 1e6), licence="your own",
        character=f"trained on {trainer.settings.data}" + (f" from {source}" if source else ""),
    )  # fmt: skip
    node = {"_target_": "model/card", **asdict(shipped)}
    card_path = path.with_suffix(".yaml")
    card_path.write_text(
        f"# {program()} model={card_path}\n" + yaml.safe_dump(node, sort_keys=False)
    )
    return card_path


def train(settings: Settings) -> None:
    """Train the model and ship its averaged weights with a card."""
    device = prepare(settings)
    card = settings.begin()
    images = training_images(settings, card.size[0])
    objective = Objective(
        card.schedule, card.prediction, card.unet.num_classes, settings.middle, settings.low
    )
    model = network(card, settings)
    trainer = Trainer(settings, model, optimizers(model, settings))
    compiled = torch.compile(model) if settings.compile else model
    for_guess = settings.dense_batch if card.unet.dense and settings.learn != "unet" else 0
    for_unet = settings.batch if settings.learn != "guess" else 0

    def loss(batch: Tensor, rng: torch.Generator) -> tuple[Tensor, dict[str, float]]:
        batch = batch.to(device)
        losses = []
        with trainer.autocast():
            if for_unet:
                losses.append(objective.loss(compiled, batch[for_guess:], rng))
            if for_guess:
                losses.append(objective.first_guess(model.first_guess, batch[:for_guess], rng))
            return torch.stack(losses).sum(), {}

    def look() -> None:
        weights = trainer.averaged()
        pictures = samples(weights, card, device)
        log.sheet(pictures, trainer.out / f"samples-{trainer.step:06d}.png")
        path = ship(trainer, weights, card, card.name if settings.init else "")
        print(f"{program()} model={path}", flush=True)

    trainer.fit(lambda step, rng: images(for_unet + for_guess, rng), loss, look)


def network(card: ModelCard, settings: Settings) -> UNet:
    """Return a new network, or the checkpoint's, in float32, with gradients for the parts that
    `learn` names."""
    device = find_device(settings.device)
    model = UNet(card.unet)
    if settings.init:
        initial = replace(card, unet=card_of(settings.init).unet)
        widen(load_unet(initial, torch.device("cpu"), torch.float32), model)
    for name, weight in model.named_parameters():
        is_dense = name.startswith("dense.")
        weight.requires_grad_(settings.learn == "all" or is_dense == (settings.learn == "guess"))
    return model.to(device).set_precision(torch.float32).train()


@torch.no_grad()
def widen(narrow: UNet, model: UNet) -> None:
    """Copy the weights of `narrow`, whose fully connected layers may be narrower, into `model`.
    New units get output weights of 0: both networks compute the same."""
    weights = model.state_dict()
    for name, weight in narrow.state_dict().items():
        if name == "dense.down.weight":
            weights[name].zero_()
        weights[name][tuple(map(slice, weight.shape))] = weight
