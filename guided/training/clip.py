"""Trains one small CLIP of the embedded pair, in open_clip's own classes and file format.

    python -m guided.training.clip tower=a minutes=25
    python -m guided.training.clip tower=b minutes=25
    python -m guided.training.clip tower=a minutes=8 pool=runs/pool.pt    # goes on, with guesses

Knows nothing about diffusion, except that blurred guesses may come as a file (`pool`, from
guided.training.pool).

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021,
https://arxiv.org/abs/2103.00020
"""

from __future__ import annotations

import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
import yaml
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer

from guided.clip import import_open_clip
from guided.training import bpe, checkpoint, pictures, views, watch
from guided.training.captions import Captions, Seen
from guided.training.diffusion import set_pace
from guided.training.muon import Muon
from guided.training.settings import from_argv

HERE = Path(__file__).parent
CONTEXT = 24
HELD_OUT = ("emojione", "fxemoji")  # never trained on: they measure, here and in the judge
EASY_STEPS = 400  # from bare words and clean pictures to hard ones
LARGEST = 256  # side of a matrix that is still cheap to make orthogonal
APART = (
    "anchors",
    "embedding.weight",
    "embedding",
    "text_projection",
    "conv1.0.weight",
    "visual.conv1.weight",
)
RARE_GROUPS = (
    "person",
    "family",
    "hand",
    "time",
    "arrow",
    "av-",
    "alphanum",
    "transport-sign",
    "zodiac",
    "gender",
    "mail",
    "office",
)
PREPROCESS = {
    "mean": [0.5] * 3,
    "std": [0.3] * 3,
    "interpolation": "bicubic",
    "resize_mode": "squash",
}
WORDS = {"context_length": CONTEXT, "vocab_size": bpe.VOCABULARY, "layers": 2}
TEXTS = {"a": {**WORDS, "width": 192, "heads": 3}, "b": {**WORDS, "width": 128, "heads": 2}}
TOWERS = {
    "a": {"layers": [1, 1, 1, 1], "width": 32, "image_size": 32},
    "b": {
        "timm_model_name": "regnetx_002",
        "timm_model_pretrained": False,
        "timm_pool": "avg",
        "timm_proj": "linear",
        "image_size": 32,
    },
}


@dataclass
class Settings:
    tower: str = "a"
    data: str = "data"
    out: str = ""  # runs/clip_<tower> if empty
    minutes: float = 25.0
    fade: float = 5.0  # minutes before the end over which the learning rate falls to nothing
    batch: int = 96
    lr: float = 0.02  # of Muon, for matrices up to LARGEST
    adam_lr: float = 2e-3  # for everything else
    threads: int = 1
    seed: int = 0
    look_every: float = 6.0  # minutes between measurements and shipped weights
    pool: str = ""  # a file of a denoiser's guesses, to learn from those too
    pool_share: float = 0.4
    ship: str = ""  # the open_clip folder to write each time; empty: out/shipped


def model_config(tower: str) -> dict:
    return {"embed_dim": 256, "vision_cfg": TOWERS[tower], "text_cfg": TEXTS[tower]}


def build(tower: str) -> nn.Module:
    config = model_config(tower)
    return (
        import_open_clip()
        .CLIP(config["embed_dim"], config["vision_cfg"], config["text_cfg"])
        .to(memory_format=torch.channels_last)
    )


class Lesson:
    """Draws batches: distinct concepts, one picture and one caption of each."""

    def __init__(
        self, book: pictures.Pictures, subjects: dict, pool: dict | None, share: float
    ) -> None:
        self.book, self.pool, self.share = book, pool, share
        self.captions = Captions(book.words, yaml.safe_load((HERE / "names.yaml").read_text()))
        self.rows_of: dict[int, list[int]] = {}
        for row, (concept, vendor) in enumerate(
            zip(book.concepts.tolist(), book.vendors, strict=True)
        ):
            if vendor not in HELD_OUT:
                self.rows_of.setdefault(concept, []).append(row)
        liked = {}
        for weight, labels in subjects["weights"].items():
            liked |= dict.fromkeys(
                [s.strip() for s in labels.split(",")] if isinstance(labels, str) else labels,
                weight,
            )
        self.concepts = sorted(self.rows_of)
        self.weights = torch.tensor([self._weight(book.words[i], liked) for i in self.concepts])

    @staticmethod
    def _weight(word: dict, liked: dict[str, float]) -> float:
        """Most for what the diffusion model can draw, least for signs and people."""
        if word["label"] in liked:
            return 0.5 + min(2.0, float(liked[word["label"]]))
        return 0.01 if word["group"].startswith(RARE_GROUPS) else 0.05

    def batch(
        self, count: int, dice: torch.Generator, ease: float = 0.0
    ) -> tuple[Tensor, list[str], Tensor, Tensor]:
        """(views (B, 3, S, S), captions, concepts (B,), rivals (B, B): False where a caption fits
        another's picture too)."""
        luck = random.Random(int(torch.randint(2**31, (), generator=dice)))
        chosen = torch.multinomial(self.weights, count, generator=dice)
        concepts = torch.tensor([self.concepts[i] for i in chosen.tolist()])
        rows = torch.tensor([luck.choice(self.rows_of[i]) for i in concepts.tolist()])
        images, colours, grounds = views.shown(self.book, rows, dice, ease)
        if self.pool is not None:
            guessed = round(count * self.share)
            picks = torch.randint(len(self.pool["images"]), (guessed,), generator=dice)
            images[:guessed] = views.worn_guess(
                self.pool["images"][picks].float() / 255, images.shape[-1], dice
            )
            rows[:guessed], concepts[:guessed] = (
                self.pool["rows"][picks],
                self.book.concepts[self.pool["rows"][picks]],
            )
            colours[:guessed] = grounds[:guessed] = [None] * guessed
        styles = [self.book.styles[self.book.vendors[row]] for row in rows.tolist()]
        seen = [
            Seen(*parts) for parts in zip(concepts.tolist(), colours, grounds, styles, strict=True)
        ]
        said = [self.captions.draw(each, luck, ease) for each in seen]
        owners = [self.captions.owners[name] for _, name in said]
        rivals = torch.tensor(
            [
                [i == j or concept not in owner for j, owner in enumerate(owners)]
                for i, concept in enumerate(concepts.tolist())
            ]
        )
        return images, [caption for caption, _ in said], concepts, rivals


def normalised(images: Tensor) -> Tensor:
    return ((images - PREPROCESS["mean"][0]) / PREPROCESS["std"][0]).to(
        memory_format=torch.channels_last
    )


def losses(
    seen: Tensor, read: Tensor, scale: Tensor, anchors: Tensor, concepts: Tensor, rivals: Tensor
) -> Tensor:
    """InfoNCE both ways, plus naming the concept from the picture and from the sentence against
    shared anchors."""
    logits = (scale * seen @ read.T).masked_fill(~rivals, -1e4)
    target = torch.arange(len(seen))
    match = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    poles = F.normalize(anchors, dim=-1).T
    naming = F.cross_entropy(scale * seen @ poles, concepts, label_smoothing=0.05)
    return (
        match + naming + 0.5 * F.cross_entropy(scale * read @ poles, concepts, label_smoothing=0.1)
    )


@torch.no_grad()
def measure(
    weights: dict[str, Tensor], tower: str, book: pictures.Pictures, tokenizer
) -> dict[str, float]:
    """Text -> image R@1 among all plain pictures of a vendor: one trained on, one held out,
    English and Chinese."""
    model = build(tower)
    model.load_state_dict({key: value for key, value in weights.items() if key != "anchors"})
    model.eval()
    found = {}
    for vendor in ("twemoji", "emojione"):
        rows = torch.tensor([i for i, name in enumerate(book.vendors) if name == vendor])
        colour, alpha = book.batch(rows)
        images = normalised(pictures.over(colour, alpha, torch.ones(1, 3, 1, 1)))
        seen = torch.cat([model.encode_image(part, normalize=True) for part in images.split(128)])
        for language in ("label", "zh"):
            texts = [book.words[i][language].lower() for i in book.concepts[rows].tolist()]
            read = torch.cat(
                [
                    model.encode_text(part, normalize=True)
                    for part in tokenizer(texts, CONTEXT).split(256)
                ]
            )
            best = (read @ seen.T).argmax(1)
            found[f"{vendor}_{language}"] = (best == torch.arange(len(rows))).float().mean().item()
    return found


def ship(weights: dict[str, Tensor], tower: str, merges: Path, folder: Path) -> None:
    """The folder that open_clip reads as `local-dir:`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {"model_cfg": model_config(tower), "preprocess_cfg": PREPROCESS}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (folder / bpe.FILE).write_bytes(merges.read_bytes())
    kept = {key: value for key, value in weights.items() if key != "anchors"}
    checkpoint.ship(kept, folder / "open_clip_model.safetensors", {"format": "pt"})


def vocabulary(lesson: Lesson, path: Path) -> None:
    """The merges, learnt once from names, tags and drawn captions."""
    if path.exists():
        return
    luck, texts = random.Random(0), []
    for concept, word in enumerate(lesson.book.words):
        texts += [word["label"], word["zh"], *word["tags"], *word["zh_tags"]]
        texts += lesson.captions.english[concept][0] + lesson.captions.chinese[concept][0] * 3
        texts += [
            lesson.captions.draw(
                Seen(concept, luck.choice(views.NAMES), luck.choice(views.NAMES), "flat"), luck
            )[0]
            for _ in range(6)
        ]
    bpe.write(bpe.learn(texts), path)


class WithAnchors(nn.Module):
    """The CLIP and one learnt point per concept; the points are left behind when it is shipped."""

    def __init__(self, clip: nn.Module, concepts: int) -> None:
        super().__init__()
        self.clip = clip
        self.anchors = nn.Parameter(torch.randn(concepts, 256) * 0.1)


def optimizers(model: nn.Module, settings: Settings) -> list[Optimizer]:
    """Muon for convolutions and projections of moderate size, AdamW for embeddings, anchors,
    large matrices and vectors."""
    named = list(model.named_parameters())
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


def train(settings: Settings) -> None:
    torch.set_num_threads(settings.threads)
    torch.manual_seed(settings.seed + (settings.tower == "b"))
    out = Path(settings.out or f"runs/clip_{settings.tower}")
    out.mkdir(parents=True, exist_ok=True)
    book = pictures.load(settings.data, TOWERS[settings.tower]["image_size"])
    subjects = yaml.safe_load((HERE / "subjects.yaml").read_text())
    pool = torch.load(settings.pool, weights_only=True) if settings.pool else None
    lesson = Lesson(book, subjects, pool, settings.pool_share)
    vocabulary(lesson, Path(settings.data) / bpe.FILE)
    model = WithAnchors(build(settings.tower), len(book.words))
    tokenizer = import_open_clip().SimpleTokenizer(
        bpe_path=str(Path(settings.data) / bpe.FILE), context_length=CONTEXT
    )
    ema = checkpoint.Ema(model, longest=1000)
    steppers = optimizers(model, settings)
    step, before = checkpoint.resume(out / "state.pt", model, ema, steppers)
    clock, diary = checkpoint.Clock(settings.minutes, before), watch.Diary(out / "diary.csv")
    looked = time.monotonic()
    while not clock.over:
        set_pace(steppers, min(1.0, (step + 1) / 40) * clock.fading(settings.fade))
        dice = torch.Generator().manual_seed(
            (settings.seed * 7 + ord(settings.tower)) * 1_000_003 + step
        )
        images, texts, concepts, rivals = lesson.batch(
            settings.batch, dice, ease=max(0.0, 1 - step / EASY_STEPS)
        )
        seen = model.clip.encode_image(normalised(images), normalize=True)
        read = model.clip.encode_text(tokenizer(texts, CONTEXT), normalize=True)
        loss = losses(
            seen, read, model.clip.logit_scale.exp().clamp(max=50), model.anchors, concepts, rivals
        )
        model.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer in steppers:
            optimizer.step()
        step += 1
        ema.update(model, step)
        right = ((seen @ read.T).argmax(1) == torch.arange(len(seen))).float().mean().item()
        diary.note(step, clock.minutes, loss=loss.item(), right=right)
        if time.monotonic() - looked > 60 * settings.look_every or clock.over:
            checkpoint.save(out / "state.pt", model, ema, steppers, step, clock.minutes)
            weights = {key.removeprefix("clip."): value for key, value in ema.weights.items()}
            ship(
                weights,
                settings.tower,
                Path(settings.data) / bpe.FILE,
                Path(settings.ship or out / "shipped"),
            )
            print(step, measure(weights, settings.tower, book, tokenizer), flush=True)
            looked = time.monotonic()


if __name__ == "__main__":
    train(from_argv(Settings))
