"""Trains a U-Net in guided-diffusion's format: the one of the embedded pair, one on a folder of
your own pictures, or any known checkpoint a little further.

    python -m guided.training.diffusion minutes=60                   # the embedded pair's
    python -m guided.training.diffusion data=my_photos size=64 minutes=600
    python -m guided.training.diffusion data=my_paintings init=imagenet256 steps=5000

The same command again goes on from out/state.pt. What it leaves draws at once:
`python run.py model=out/NAME.yaml`. Knows nothing about CLIP or prompts: words choose which
pictures of the prepared data are shown how often (subjects.yaml), and no more.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
import yaml
from torch import Tensor
from torch.optim import AdamW, Optimizer

from guided.config.composition import compose
from guided.config.messages import composed
from guided.config.schema import build
from guided.devices import find_device
from guided.diffusion.parametrisation import clean
from guided.diffusion.unet import UNet
from guided.diffusion.unet_config import CHANNEL_MULT, UNetConfig
from guided.errors import BadInput
from guided.models.cards import ModelCard, Recommended
from guided.models.load import load_unet
from guided.paths import program
from guided.training.common import checkpoint, log
from guided.training.common.muon import Muon
from guided.training.common.settings import Training
from guided.training.common.trainer import Trainer
from guided.training.data import folder, pictures, sources
from guided.training.data.subjects import Subjects
from guided.training.diffusion.objective import STEPS, Objective

Batches = Callable[[int, torch.Generator], Tensor]  # (count, dice) -> images in [-1, 1]


@dataclass
class Settings(Training):
    out: str = "runs/diffusion"
    init: str = ""  # a checkpoint to begin from, as run.py's model=: a name, a card, a file
    size: int = 0  # pixels; 0: the checkpoint's, or 32
    channels: int = 0  # of the finest level; 0: 32 for 32 pixels, else 64
    optimizer: str = "auto"  # muon, adam; auto: muon from scratch, adam from a checkpoint
    lr: float = 0.0  # 0: 0.012 for Muon (convolutions inside), 3e-5 for Adam from a checkpoint
    adam_lr: float = 5e-4  # for everything else from scratch
    dense_lr: float = 1e-3  # beside Muon, for fully connected layers, where there are any
    dense_batch: int = 256  # pictures a step that only they learn from; they are quick
    dense_hidden: int = 0  # width of their widest layer; 0: the checkpoint's, or twice the others'
    learn: str = "all"  # all, guess (the fully connected layers alone), unet (the rest alone)
    recolour: float = 0.18  # share of the prepared pictures in other colours than their own
    middle: float = 0.5  # share of the lessons amid the process, where shapes are decided
    flip: bool = True  # mirror your own pictures at random

    def check(self) -> None:
        super().check()
        if self.optimizer not in ("auto", "muon", "adam"):
            raise BadInput(f"optimizer={self.optimizer} is not one of auto, muon, adam")
        if self.learn not in ("all", "guess", "unet"):
            raise BadInput(f"learn={self.learn} is not one of all, guess, unet")
        if self.size and self.size % 8:
            raise BadInput(f"size={self.size} must be a multiple of 8, as 64 or 256")
        if self.dense_lr < 0:
            raise BadInput(f"dense_lr={self.dense_lr} must be 0 or more")
        if self.dense_batch < 1:
            raise BadInput(f"dense_batch={self.dense_batch} must be 1 or more")
        for name in ("middle", "recolour"):
            if not 0 <= getattr(self, name) <= 1:
                raise BadInput(f"{name}={getattr(self, name)} is a share, from 0 to 1")

    def begin(self) -> ModelCard:
        """The card of what will be trained: the checkpoint's own, or a new network's. BadInput,
        before pictures are read, where it cannot be."""
        if not self.init:
            like = build(compose(["model=embedded"]).model, "model")
            side = self.size or like.unet.image_size
            unet = self.widened(architecture(side, self.channels))
            if not unet.dense and self.learn != "all":
                raise BadInput(f"learn={self.learn}: at {side} pixels there is no first guess")
            says = "x0" if unet.dense else "v"
            likes = recommended(like.recommended, unet, objects=pictures.prepared(self.data))
            return replace(
                like, unet=unet, size=[side, side], prediction=says, upscaler="", name="new",
                recommended=likes,
            )  # fmt: skip
        try:
            card = card_of(self.init)
        except BadInput as error:
            raise BadInput(f"init={self.init}: {error}") from error
        if card.missing():
            raise BadInput(f"init={self.init}: {card.missing()}")
        if self.channels:
            raise BadInput(f"channels={self.channels}: init={self.init} says how wide it is")
        size = self.size or card.unet.image_size
        if size % card.unet.divisor:
            raise BadInput(f"size={size}: {card.name} takes multiples of {card.unet.divisor}")
        if not card.unet.dense and self.learn != "all":
            raise BadInput(f"learn={self.learn}: {card.name} makes no first guess")
        return replace(card, size=[size, size], unet=self.widened(card.unet))

    def widened(self, unet: UNetConfig) -> UNetConfig:
        """With `dense_hidden`; BadInput where that would take something away."""
        if not self.dense_hidden:
            return unet
        told = f"dense_hidden={self.dense_hidden}"
        if not unet.dense:
            raise BadInput(f"{told}: this network has no fully connected layers")
        if self.dense_hidden < unet.hidden:
            raise BadInput(f"{told} must be at least {unet.hidden}, as wide as it is already")
        return replace(unet, dense_hidden=self.dense_hidden)


def card_of(model: str) -> ModelCard:
    """A model as run.py's `model=` names it; BadInput where there is none."""
    return build(composed([f"model={model}"]).model, "model")


def recommended(embedded: Recommended, unet: UNetConfig, objects: bool) -> Recommended:
    """What suits a new model: where all is an object in the middle, CLIP looks there; without
    a first guess shapes come from CLIP, which pulls harder and for longer."""
    likes = replace(embedded, area="middle" if objects else "whole")
    if unet.dense:
        return likes
    return replace(likes, reach=1.0, recurrence=[[0, 4], [0.45, 2], [0.7, 1]])


def architecture(size: int, channels: int = 0) -> UNetConfig:
    """For 32 pixels fully connected layers say what is there, with 5.7 M of 7.6 M parameters, and
    a small U-Net on patches of 2 x 2 draws it out. Larger ones have guided-diffusion's own
    proportions."""
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


def batches(settings: Settings, size: int) -> Batches:
    """Of the prepared data, or of a folder of pictures."""
    if pictures.prepared(settings.data):
        book = pictures.load(settings.data, 64 if size <= 64 else 128)
        subjects = Subjects(book, sources.subjects(), size, settings.recolour)
        return lambda count, rng: subjects.batch(count, rng)[0]
    own = folder.load(settings.data, size)
    print(f"{len(own.pictures)} pictures in {settings.data}", flush=True)

    def batch(count: int, rng: torch.Generator) -> Tensor:
        rows = torch.randint(len(own.pictures), (count,), generator=rng)
        return own.batch(rows, size, rng, settings.flip) * 2 - 1

    return batch


def optimizers(model: UNet, settings: Settings) -> list[Optimizer]:
    """From scratch Muon for the matrices inside, AdamW for edges, biases and norms; a checkpoint
    is moved gently, by AdamW alone. Beside Muon fully connected layers take larger steps."""
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
    kept = {id(weight) for weight in (*inside, *dense)}
    rest = [weight for weight in model.parameters() if id(weight) not in kept]
    groups = [{"params": rest, "lr": settings.adam_lr}]
    if dense:
        groups.append({"params": dense, "lr": settings.dense_lr})
    adam = AdamW(groups, betas=(0.9, 0.98), weight_decay=0.0)
    return [Muon(inside, settings.lr or 0.012), adam]


@torch.no_grad()
def samples(
    weights: dict[str, Tensor], card: ModelCard, device: torch.device, count: int = 16,
    steps: int = 25,
) -> Tensor:  # fmt: skip
    """Unguided DDIM from a fixed seed, to be looked at: (B, 3, H, W) in [0, 1]."""
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


def ship(course: Trainer, card: ModelCard, settings: Settings) -> Path:
    """The averaged weights and a card that names them: `python run.py model=<card>`."""
    path = Path(settings.ship or course.out / f"{course.out.name}.safetensors")
    about = {"config": json.dumps(asdict(card.unet)), "steps": str(course.step)}
    checkpoint.ship(course.ema.weights, path, about)
    made = replace(
        card, name=path.stem, file=path.name, urls=[], sha256="",
        megabytes=round(path.stat().st_size / 1e6), licence="your own",
        character=f"trained on {settings.data}" + (f" from {card.name}" if settings.init else ""),
    )  # fmt: skip
    node = {"_target_": "model/card", **asdict(made)}
    described = path.with_suffix(".yaml")
    described.write_text(
        f"# {program()} model={described}\n" + yaml.safe_dump(node, sort_keys=False)
    )
    return described


def train(settings: Settings) -> None:
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed)
    card = settings.begin()
    batch = batches(settings, card.size[0])
    objective = Objective(card.schedule, card.prediction, card.unet.num_classes, settings.middle)
    model = network(card, settings)
    course = Trainer(settings, model, optimizers(model, settings))
    asked = torch.compile(model) if settings.compile else model
    more = settings.dense_batch if card.unet.dense and settings.learn != "unet" else 0
    rest = settings.batch if settings.learn != "guess" else 0
    for images, rng in course.batches(lambda step, rng: batch(rest + more, rng)):
        images = images.to(course.device)
        with course.autocast():
            losses = []
            if rest:
                losses.append(objective.loss(asked, images[more:], rng))
            if more:
                losses.append(objective.first_guess(model.first_guess, images[:more], rng))
            loss = torch.stack(losses).sum()
        course.learn(loss)
        if course.due:
            course.save()
            looked = samples(course.ema.weights, card, course.device)
            log.sheet(looked, course.out / f"samples-{course.step:06d}.png")
            print(f"{program()} model={ship(course, card, settings)}", flush=True)


def network(card: ModelCard, settings: Settings) -> UNet:
    """A new network, or the checkpoint's, in float32; what `learn` leaves out stays as it is."""
    device = find_device(settings.device)
    model = UNet(card.unet)
    if settings.init:
        known = replace(card, unet=card_of(settings.init).unet)
        widen(load_unet(known, torch.device("cpu"), torch.float32), model)
    for name, weight in model.named_parameters():
        in_guess = name.startswith("dense.")
        weight.requires_grad_(settings.learn == "all" or in_guess == (settings.learn == "guess"))
    return model.to(device).set_precision(torch.float32).train()


@torch.no_grad()
def widen(known: UNet, model: UNet) -> None:
    """Give `model` the weights of `known`, whose fully connected layers may be narrower. What is
    new in `model` is not listened to yet: both say the same."""
    weights = model.state_dict()
    for name, weight in known.state_dict().items():
        if name == "dense.down.weight":
            weights[name].zero_()
        weights[name][tuple(map(slice, weight.shape))] = weight
