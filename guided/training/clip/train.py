"""Trains one small CLIP of the embedded pair, in open_clip's own classes and file format.

    python -m guided.training.clip tower=a minutes=25
    python -m guided.training.clip tower=b minutes=25
    python -m guided.training.clip tower=a minutes=33 pool=runs/pool.pt    # goes on, with guesses
    python -m guided.training.clip data=my_photos init=guided/models/embedded/clip_a

Knows nothing about diffusion, except that blurred guesses may come as a file (`pool`, from
guided.training.clip.prediction_pool).

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021,
https://arxiv.org/abs/2103.00020
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from guided.compat.open_clip import import_open_clip
from guided.devices import find_device
from guided.errors import BadInput, not_one_of
from guided.models import load, weights
from guided.paths import program
from guided.training.clip import architectures, batches
from guided.training.clip.batches import Batch
from guided.training.common.muon import Muon
from guided.training.common.settings import Training
from guided.training.common.trainer import Trainer
from guided.training.data import captions, pictures, sources
from guided.training.data.augmentation import NAMES

ATTACKS = 2  # steps in which a picture is changed against the learner
EASY_STEPS = 400  # from bare words and clean pictures to hard ones
LARGEST = 256  # side of a matrix that is still cheap to make orthogonal
APART = (
    "anchors",
    "properties",
    "embedding.weight",
    "embedding",
    "text_projection",
    "conv1.0.weight",
    "visual.conv1.weight",
)


@dataclass
class Settings(Training):
    tower: str = "a"  # a, b, judge: which architecture (architectures.py)
    init: str = ""  # weights to begin from: a folder that this wrote, as .../embedded/clip_a
    out: str = ""  # runs/clip_<tower> if empty
    minutes: float = 25.0
    batch: int = 96
    lr: float = 0.02  # of Muon, for matrices up to LARGEST
    adam_lr: float = 2e-3  # for everything else
    look_every: float = 6.0
    pool: str = ""  # a file of a denoiser's guesses, to learn from those too
    pool_share: float = 0.4
    robust: float = 0.0  # pictures are changed against the learner by up to so much (hardened)
    texts: bool = True  # the sentences' side learns too; false: several times as many steps

    def check(self) -> None:
        super().check()
        if self.tower not in architectures.VISION:
            raise BadInput(not_one_of("tower", self.tower, architectures.VISION))
        if self.init and not (Path(self.init) / architectures.WEIGHTS).is_file():
            raise BadInput(f"init={self.init} holds no {architectures.WEIGHTS}")
        if self.pool and not Path(self.pool).is_file():
            raise BadInput(
                f"pool={self.pool} is no file; "
                "python -m guided.training.clip.prediction_pool makes it"
            )
        if not 0 <= self.pool_share <= 1:
            raise BadInput(f"pool_share={self.pool_share} must be from 0 to 1")
        if self.robust < 0:
            raise BadInput(f"robust={self.robust} must be 0 or more, as 1")
        self.out = self.out or f"runs/clip_{self.tower}"


class WithAnchors(nn.Module):
    """The CLIP, and learnt points for every concept and for the colours of grounds and objects;
    the points are left behind when it is shipped."""

    def __init__(self, clip: nn.Module, concepts: int) -> None:
        super().__init__()
        self.clip = clip
        self.anchors = nn.Parameter(torch.randn(concepts, architectures.WIDTH) * 0.1)
        self.properties = nn.Parameter(torch.randn(2, len(NAMES), architectures.WIDTH) * 0.1)


def losses(seen: Tensor, read: Tensor, model: WithAnchors, batch: Batch) -> Tensor:
    """InfoNCE both ways, plus naming concept, ground and colour from the picture and from the
    sentence against shared anchors. `read` holds the captions and after them wrong ones, for
    pictures to tell apart (Yuksekgonul et al. 2023, https://arxiv.org/abs/2210.01936)."""
    scale = model.clip.logit_scale.exp().clamp(max=50)
    logits = (scale * seen @ read.T).masked_fill(~batch.rivals, -1e4)
    target = torch.arange(len(seen), device=seen.device)
    read = read[: len(seen)]
    back = logits[:, : len(seen)].T
    match = (F.cross_entropy(logits, target) + F.cross_entropy(back, target)) / 2
    poles = F.normalize(model.anchors, dim=-1).T
    naming = F.cross_entropy(scale * seen @ poles, batch.concepts, label_smoothing=0.05)
    reading = F.cross_entropy(scale * read @ poles, batch.concepts, label_smoothing=0.1)
    colours = sum(
        told_apart(scale * points @ F.normalize(model.properties[kind], dim=-1).T, labels[:, kind])
        for points, labels in ((seen, batch.shown), (read, batch.told))
        for kind in (0, 1)
    )
    return match + naming + 0.5 * reading + 0.5 * colours


def hardened(
    images: Tensor, read: Tensor, model: WithAnchors, batch: Batch, most: float,
    rng: torch.Generator,
) -> Tensor:  # fmt: skip
    """The images (B, 3, H, W) in [0, 1], each changed so that the model errs as it may: by a
    random length, up to `most` (L2, of a picture of 32 by 32 pixels). Who withstands that has
    gradients along which a picture comes to look like something, to people too.

    Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", 2017,
    https://arxiv.org/abs/1706.06083; for guidance Kawar et al. 2022,
    https://arxiv.org/abs/2208.08664
    """
    side = images.shape[-1] / 32
    length = most * side * torch.rand(len(images), 1, 1, 1, generator=rng).to(images)
    changed, read = images, read.detach()
    for _ in range(ATTACKS):
        changed = changed.detach().requires_grad_()
        seen = model.clip.encode_image(architectures.normalised(changed), normalize=True)
        (grad,) = torch.autograd.grad(losses(seen.float(), read, model, batch), changed)
        change = changed.detach() + grad / lengths(grad) * length * 0.75 - images
        change = change * (length / lengths(change)).clamp(max=1)
        changed = (images + change).clamp(0, 1)
    return changed


def lengths(change: Tensor) -> Tensor:
    """(B, 3, H, W) -> L2 lengths (B, 1, 1, 1), above 0."""
    return change.flatten(1).norm(dim=1).view(-1, 1, 1, 1).clamp(min=1e-12)


def told_apart(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean cross entropy over those that have a label (-1: none)."""
    errors = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum")
    return errors / (labels >= 0).sum().clamp(min=1)


@torch.no_grad()
def measure(model: nn.Module, book: pictures.Pictures, tokenizer) -> dict[str, float]:
    """How often a plain picture's own name comes first among all subjects: for every vendor,
    English and Chinese."""
    wanted = sources.subjects()["weights"]
    subjects = [i for i, word in enumerate(book.words) if word["label"] in wanted]
    place = {concept: i for i, concept in enumerate(subjects)}
    read = {}
    for language in ("label", "zh"):
        tokens = tokenizer(
            [book.words[i][language].lower() for i in subjects], architectures.CONTEXT
        )
        read[language] = model.encode_text(tokens, normalize=True)
    found = {}
    for vendor in dict.fromkeys(book.vendors):
        rows = torch.tensor(
            [
                i
                for i, concept in enumerate(book.concepts.tolist())
                if book.vendors[i] == vendor and concept in place
            ]
        )
        if not len(rows):
            continue
        images = architectures.normalised(pictures.over(*book.batch(rows), torch.ones(1, 3, 1, 1)))
        seen = torch.cat([model.encode_image(part, normalize=True) for part in images.split(128)])
        truth = torch.tensor([place[concept] for concept in book.concepts[rows].tolist()])
        for language, points in read.items():
            right = ((seen @ points.T).argmax(1) == truth).float().mean().item()
            found[f"{vendor} {language}"] = round(right, 3)
    return found


def optimizers(model: nn.Module, settings: Settings) -> list[Optimizer]:
    """Muon for convolutions and projections of moderate size, AdamW for embeddings, anchors,
    large matrices and vectors."""
    named = [(name, w) for name, w in model.named_parameters() if w.requires_grad]
    inside = [
        w
        for name, w in named
        if w.ndim > 1 and min(w.flatten(1).shape) <= LARGEST and not name.endswith(APART)
    ]
    kept = {id(w) for w in inside}
    rest = [w for _, w in named if id(w) not in kept]
    groups = [
        {"params": [w for w in rest if w.ndim > 1], "weight_decay": 0.05},
        {"params": [w for w in rest if w.ndim <= 1], "weight_decay": 0.0},
    ]
    return [
        Muon(inside, settings.lr, decay=0.02),
        AdamW(groups, settings.adam_lr, betas=(0.9, 0.98)),
    ]


def look(
    course: Trainer, settings: Settings, book: pictures.Pictures | None, merges: Path
) -> None:
    """Ship the averaged weights and, with the prepared data, say how well they name things."""
    averaged = {
        key.removeprefix("clip."): value.cpu()
        for key, value in course.ema.weights.items()
        if key.startswith("clip.")
    }
    made = Path(settings.ship or course.out / "shipped")
    architectures.ship(averaged, settings.tower, merges, made)
    if book is None:
        print(f"{program()} clip={made}", flush=True)
        return
    model = architectures.build(settings.tower)
    model.load_state_dict(averaged)
    print(course.step, measure(model.eval(), book, tokenizer(merges)), flush=True)


def tokenizer(merges: Path):
    return import_open_clip().SimpleTokenizer(
        bpe_path=str(merges), context_length=architectures.CONTEXT
    )


def begin(settings: Settings) -> nn.Module:
    """A new CLIP, or the one in a folder that this once wrote."""
    model = architectures.build(settings.tower)
    if settings.init:
        path = Path(settings.init) / architectures.WEIGHTS
        kept = {key: tensor.float() for key, tensor in weights.read(path).items()}
        load.check(model.state_dict(), kept, path)
        model.load_state_dict(kept)
    return model


@torch.no_grad()
def anchor(model: WithAnchors, book: pictures.Pictures, words: Callable) -> None:
    """Put the learnt points where a known CLIP's sentences are, so that they teach it nothing
    wrong at first."""
    told = [f"a {captions.bare(word['label'])}" for word in book.words]
    for sentence in ("a thing on a {} background", "a {} thing"):
        told += [sentence.format(name) for name in NAMES]
    parts = words(told, architectures.CONTEXT).split(128)
    points = torch.cat([architectures.read(model.clip, part) for part in parts])
    model.anchors.copy_(points[: len(book.words)])
    model.properties.copy_(points[len(book.words) :].view_as(model.properties))


def train(settings: Settings) -> None:
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed + ord(settings.tower[0]))
    book, teacher, merges = batches.load(settings)
    words = tokenizer(merges)
    device = find_device(settings.device)
    model = WithAnchors(begin(settings), teacher.concepts_in_all)
    if settings.init and book is not None:
        anchor(model, book, words)
    model.to(device)
    if not settings.texts:
        for name, weight in model.clip.named_parameters():
            weight.requires_grad_(name.startswith("visual."))
    course = Trainer(settings, model, optimizers(model, settings), warmup=40, longest=1000)

    def make(step: int, rng: torch.Generator) -> tuple[Batch, Tensor]:
        ease = 0.0 if settings.init else max(0.0, 1 - step / EASY_STEPS)
        batch = teacher.batch(settings.batch, rng, ease)
        return batch, words(batch.texts, architectures.CONTEXT)

    for (batch, tokens), rng in course.batches(make):
        batch = batch.to(device)
        with course.autocast():
            read = architectures.read(model.clip, tokens.to(device))
            images = batch.images
            if settings.robust:
                images = hardened(images, read.float(), model, batch, settings.robust, rng)
            seen = model.clip.encode_image(architectures.normalised(images), normalize=True)
        loss = losses(seen.float(), read.float(), model, batch)
        right = (seen @ read.T).argmax(1) == torch.arange(len(seen), device=device)
        course.learn(loss, right=right.float().mean().item())
        if course.due:
            course.save()
            look(course, settings, book, merges)
