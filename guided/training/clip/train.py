"""Trains one small CLIP of the embedded pair, in open_clip's classes and file format.

    python -m guided.training.clip tower=a minutes=25
    python -m guided.training.clip tower=b minutes=25
    python -m guided.training.clip tower=a minutes=33 pool=runs/pool.pt    # resumes, with a pool
    python -m guided.training.clip data=my_photos init=guided/models/embedded/clip_a

`pool` is a file of guided.training.clip.prediction_pool.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021,
https://arxiv.org/abs/2103.00020
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Generator, Tensor, nn
from torch.optim import AdamW, Optimizer

from guided.clip import short_texts
from guided.compat.open_clip import import_open_clip
from guided.errors import BadInput, not_one_of
from guided.models import load, weights
from guided.outputs.manners import over
from guided.paths import program
from guided.training.clip import architectures, batches, bpe
from guided.training.clip.batches import CaptionedBatch
from guided.training.common.muon import Muon
from guided.training.common.settings import TrainingSettings
from guided.training.common.trainer import Trainer, prepare
from guided.training.data import captions, pictures, sources
from guided.training.data.augmentation import NAMES

if TYPE_CHECKING:
    from open_clip.model import CLIP

ATTACKS = 2  # steps of an adversarial change
EASY_STEPS = 400  # over which the share of bare names and clean pictures falls to 0
LARGEST = 256  # rows or columns of a matrix that Muon makes orthogonal
ADAM_ONLY = (
    "anchors",
    "properties",
    "embedding.weight",
    "embedding",
    "text_projection",
    "conv1.0.weight",
    "visual.conv1.weight",
)
PARTS = ("all", "images", "texts")
Tokenize = Callable[[Sequence[str]], Tensor]  # texts -> tokens (B, CONTEXT)


@dataclass
class Settings(TrainingSettings):
    """The settings of a CLIP's training."""

    tower: str = "a"  # a, b or judge: the architecture
    init: str = ""  # initial weights: a folder of this format, as .../embedded/clip_a
    out: str = ""  # runs/clip_<tower> if empty
    minutes: float = 25.0
    batch: int = 96
    lr: float = 0.02  # of Muon, for matrices
    adam_lr: float = 2e-3  # for everything else
    look_every: float = 6.0
    pool: str = ""  # a prediction pool, to learn from too
    pool_share: float = 0.4  # share of the pictures that are taken from the pool
    filler: float = 0.15  # share of the captions with words around the name that mean nothing
    robust: float = 0.0  # largest adversarial change of the pictures; 0: none
    learn: str = "all"  # all, images (the image tower alone), texts (the text tower alone)

    def check(self) -> None:
        super().check()
        check_init(self.tower, self.init)
        if self.pool and not Path(self.pool).is_file():
            raise BadInput(
                f"pool={self.pool} is no file; "
                "python -m guided.training.clip.prediction_pool makes it"
            )
        if not 0 <= self.pool_share <= 1:
            raise BadInput(f"pool_share={self.pool_share} must be from 0 to 1")
        if not 0 <= self.filler <= 1:
            raise BadInput(f"filler={self.filler} must be from 0 to 1")
        if self.learn not in PARTS:
            raise BadInput(not_one_of("learn", self.learn, PARTS))
        if not self.robust >= 0:
            raise BadInput(f"robust={self.robust} must be 0 or more, as 1")
        self.out = self.out or f"runs/clip_{self.tower}"


def check_init(tower: str, init: str) -> None:
    """Raise BadInput for an unknown tower, or a folder `init` without weights."""
    if tower not in architectures.VISION:
        raise BadInput(not_one_of("tower", tower, architectures.VISION))
    if init and not (Path(init) / architectures.WEIGHTS).is_file():
        raise BadInput(f"init={init} holds no {architectures.WEIGHTS}")


class AnchoredClip(nn.Module):
    """A CLIP, and learnt embeddings of every concept and of the colours of backgrounds and
    objects, which are not shipped."""

    def __init__(self, clip: CLIP, concepts: int) -> None:
        super().__init__()
        self.clip = clip
        self.anchors = nn.Parameter(torch.randn(concepts, architectures.WIDTH) * 0.1)
        self.properties = nn.Parameter(torch.randn(2, len(NAMES), architectures.WIDTH) * 0.1)


def losses(images: Tensor, texts: Tensor, model: AnchoredClip, batch: CaptionedBatch) -> Tensor:
    """Return InfoNCE both ways, plus the classification of concept, background and colour from
    image and text embeddings against the anchors.

    images (B, C) and texts (B + negatives, C) of unit length; the hard negatives count against
    the images only: Yuksekgonul et al. 2023, https://arxiv.org/abs/2210.01936.
    """
    scale = model.clip.logit_scale.exp().clamp(max=50)
    logits = (scale * images @ texts.T).masked_fill(~batch.compared, -1e4)
    target = torch.arange(len(images), device=images.device)
    texts = texts[: len(images)]
    of_texts = logits[:, : len(images)].T
    match = (F.cross_entropy(logits, target) + F.cross_entropy(of_texts, target)) / 2
    anchors = F.normalize(model.anchors, dim=-1).T
    naming = F.cross_entropy(scale * images @ anchors, batch.concepts, label_smoothing=0.05)
    reading = F.cross_entropy(scale * texts @ anchors, batch.concepts, label_smoothing=0.1)
    colours = sum(
        (
            labelled_cross_entropy(
                scale * features @ F.normalize(model.properties[kind], dim=-1).T, labels[:, kind]
            )
            for features, labels in ((images, batch.visible), (texts, batch.stated))
            for kind in (0, 1)
        ),
        images.new_zeros(()),
    )
    return match + naming + 0.5 * reading + 0.5 * colours


def labelled_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean cross entropy over the rows with a label (not -1); 0 without any."""
    errors = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
    return errors / (labels >= 0).sum().clamp(min=1)


def adversarial(
    images: Tensor, texts: Tensor, model: AnchoredClip, batch: CaptionedBatch, most: float,
    rng: Generator,
) -> Tensor:  # fmt: skip
    """Return images (B, 3, H, W) in [0, 1], each changed to raise the loss, by a random L2 length
    of up to `most` (for 32 by 32 pixels). The gradients of a model that withstands such changes
    look like objects to people too.

    Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2017,
    https://arxiv.org/abs/1706.06083; for guidance Kawar et al. 2022,
    https://arxiv.org/abs/2208.08664
    """
    side = images.shape[-1] / 32
    length = most * side * torch.rand(len(images), 1, 1, 1, generator=rng).to(images)
    changed, texts = images, texts.detach()
    for _ in range(ATTACKS):
        changed = changed.detach().requires_grad_()
        features = encode_images(model, changed)
        (grad,) = torch.autograd.grad(losses(features.float(), texts, model, batch), changed)
        change = changed.detach() + grad / lengths(grad) * length * 0.75 - images
        change = change * (length / lengths(change)).clamp(max=1)
        changed = (images + change).clamp(0, 1)
    return changed


def lengths(change: Tensor) -> Tensor:
    """Return the L2 lengths (B, 1, 1, 1), above 0, of (B, 3, H, W)."""
    return change.flatten(1).norm(dim=1).view(-1, 1, 1, 1).clamp(min=1e-12)


def encode_images(model: AnchoredClip, images: Tensor) -> Tensor:
    """Return unit embeddings (B, C) of images (B, 3, S, S) in [0, 1]."""
    return model.clip.encode_image(architectures.normalised(images), normalize=True)


@torch.no_grad()
def measure(model: CLIP, dataset: pictures.Pictures, tokenize: Tokenize) -> dict[str, float]:
    """Return how often a plain picture's own name ranks first among all subjects, by vendor and
    language."""
    weights_of = sources.subjects()["weights"]
    subjects = [i for i, word in enumerate(dataset.words) if word["label"] in weights_of]
    place = {concept: i for i, concept in enumerate(subjects)}
    texts = {}
    for language in ("label", "zh"):
        tokens = tokenize([dataset.words[i][language].lower() for i in subjects])
        texts[language] = model.encode_text(tokens, normalize=True)
    accuracy = {}
    for vendor in dict.fromkeys(dataset.vendors):
        rows = torch.tensor(
            [
                i
                for i, concept in enumerate(dataset.concepts.tolist())
                if dataset.vendors[i] == vendor and concept in place
            ]
        )
        if not len(rows):
            continue
        white = over(*dataset.batch(rows), torch.ones(1, 3, 1, 1))
        parts = architectures.normalised(white).split(128)
        features = torch.cat([model.encode_image(part, normalize=True) for part in parts])
        truth = torch.tensor([place[concept] for concept in dataset.concepts[rows].tolist()])
        for language, embeddings in texts.items():
            right = ((features @ embeddings.T).argmax(1) == truth).float().mean().item()
            accuracy[f"{vendor} {language}"] = round(right, 3)
    return accuracy


def optimizers(model: nn.Module, settings: Settings) -> list[Optimizer]:
    """Return Muon for convolutions and projections of moderate size, AdamW for embeddings,
    anchors, large matrices and vectors."""
    named = [(name, w) for name, w in model.named_parameters() if w.requires_grad]
    inside = [
        w
        for name, w in named
        if w.ndim > 1 and min(w.flatten(1).shape) <= LARGEST and not name.endswith(ADAM_ONLY)
    ]
    with_muon = {id(w) for w in inside}
    rest = [w for _, w in named if id(w) not in with_muon]
    groups = [
        {"params": [w for w in rest if w.ndim > 1], "weight_decay": 0.05},
        {"params": [w for w in rest if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return [
        Muon(inside, settings.lr, decay=0.02),
        AdamW(groups, settings.adam_lr, betas=(0.9, 0.98)),
    ]


def tokenizer(merges: Path) -> Tokenize:
    """Return the tokenizer of a vocabulary's file."""
    tokenize: Tokenize = import_open_clip().SimpleTokenizer(
        bpe_path=str(merges), context_length=architectures.CONTEXT
    )
    return tokenize


def load_clip(tower: str, init: str = "") -> CLIP:
    """Return a new CLIP, or the one in the folder `init`, in float32. Raises BadInput if its
    weights are of another tower."""
    model = architectures.build(tower)
    if init:
        path = Path(init) / architectures.WEIGHTS
        state = {key: tensor.float() for key, tensor in weights.read(path).items()}
        load.check(model.state_dict(), state, path)
        model.load_state_dict(state)
    return model


@torch.no_grad()
def place_anchors(model: AnchoredClip, dataset: pictures.Pictures, tokenize: Tokenize) -> None:
    """Set the anchors to a trained CLIP's embeddings of their names, so that the first gradients
    do not harm it."""
    texts = [f"a {captions.bare(word['label'])}" for word in dataset.words]
    for sentence in ("a thing on a {} background", "a {} thing"):
        texts += [sentence.format(name) for name in NAMES]
    parts = tokenize(texts).split(128)
    embeddings = torch.cat([short_texts.encode(model.clip, part) for part in parts])
    model.anchors.copy_(embeddings[: len(dataset.words)])
    model.properties.copy_(embeddings[len(dataset.words) :].view_as(model.properties))


def publish(weights: dict[str, Tensor], tower: str, merges: Path, folder: Path) -> CLIP:
    """Ship the weights into a folder, and return the CLIP with them."""
    architectures.ship(weights, tower, merges, folder)
    model = architectures.build(tower)
    model.load_state_dict(weights)
    return model.eval()


def freeze(clip: CLIP, learn: str) -> None:
    """Let only one tower learn, the image tower or the text tower; both for `learn="all"`.

    A text tower that learns alone is fitted to the images as they are: Zhai et al., "LiT:
    Zero-Shot Transfer with Locked-image text Tuning", 2021, https://arxiv.org/abs/2111.07991"""
    for name, weight in clip.named_parameters():
        if learn == "images":
            weight.requires_grad_(name.startswith("visual."))
        elif learn == "texts":
            weight.requires_grad_(not name.startswith(("visual.", "logit_scale")))
    if learn == "texts":
        clip.visual.eval()  # or its batch normalisation would follow the pictures


def learned_from(
    settings: Settings,
) -> tuple[pictures.Pictures | None, batches.Batches, Path]:
    """Return the prepared pictures, or None for a folder of one's own, the batches of either, and
    the file of the tokenizer's merges."""
    merges = batches.embedded_vocabulary(settings.init)
    if not pictures.prepared(settings.data):
        return None, batches.of_folder(settings.data, settings.tower), merges
    dataset = pictures.load(settings.data, architectures.size(settings.tower))
    pool = torch.load(settings.pool, weights_only=True) if settings.pool else None
    learner = "judge" if settings.tower == "judge" else "guides"
    source = batches.CaptionedBatches(dataset, learner, pool, settings.pool_share, settings.filler)
    if not settings.init:
        merges = batches.vocabulary(source, Path(settings.data) / bpe.FILE)
    return dataset, source, merges


def train(settings: Settings) -> None:
    """Train the CLIP and ship its averaged weights."""
    device = prepare(settings, seed=ord(settings.tower[:1] or "a"))
    dataset, source, merges = learned_from(settings)
    tokenize = tokenizer(merges)
    model = AnchoredClip(load_clip(settings.tower, settings.init), source.concept_count)
    if settings.init and dataset is not None:
        place_anchors(model, dataset, tokenize)
    model.to(device)
    freeze(model.clip, settings.learn)
    trainer = Trainer(settings, model, optimizers(model, settings), warmup=40, longest=1000)

    def make(step: int, rng: Generator) -> tuple[CaptionedBatch, Tensor]:
        ease = 0.0 if settings.init else max(0.0, 1 - step / EASY_STEPS)
        batch = source.batch(settings.batch, rng, ease)
        return batch, tokenize(batch.texts)

    def loss(made: tuple[CaptionedBatch, Tensor], rng: Generator) -> tuple[Tensor, dict]:
        batch = made[0].to(device)
        with trainer.autocast():
            texts = short_texts.encode(model.clip, made[1].to(device))
            images = batch.images
            if settings.robust:
                images = adversarial(images, texts.float(), model, batch, settings.robust, rng)
            features = encode_images(model, images)
        right = (features @ texts.T).argmax(1) == torch.arange(len(features), device=device)
        value = losses(features.float(), texts.float(), model, batch)
        return value, {"right": right.float().mean().item()}

    def look() -> None:
        state = {
            key.removeprefix("clip."): value
            for key, value in trainer.averaged().items()
            if key.startswith("clip.")
        }
        folder = trainer.ship_path("shipped")
        shipped = publish(state, settings.tower, merges, folder)
        if dataset is None:
            print(f"{program()} clip={folder}", flush=True)
        else:
            print(trainer.step, measure(shipped, dataset, tokenize), flush=True)

    trainer.fit(make, loss, look)
