"""Trains a CLIP's text tower alone: a sentence around a name, in English or Chinese, learns the
embedding that the plain English words had before, and the bare names of all subjects are told
apart by the pictures of each.

A sentence without a colour learns, half of the time, the colour that most pictures of the concept
have (a strawberry: red), and one without a background a white one.

    python -m guided.training.clip.text_training tower=a minutes=20          # the embedded pair's
    python -m guided.training.clip.text_training tower=judge minutes=20

Reimers and Gurevych, "Making Monolingual Sentence Embeddings Multilingual using Knowledge
Distillation", 2020, https://arxiv.org/abs/2004.09813
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Generator, Tensor
from torch.optim import AdamW

from guided.clip import short_texts
from guided.errors import BadInput
from guided.outputs.manner_names import MANNERS
from guided.outputs.manners import over
from guided.paths import EMBEDDED
from guided.training.clip import architectures, batches, bpe
from guided.training.clip.train import Tokenize, check_init, freeze, load_clip, publish, tokenizer
from guided.training.common.settings import TrainingSettings, main
from guided.training.common.trainer import Trainer, prepare
from guided.training.data import manners, pictures, sources
from guided.training.data.augmentation import NAMES, colour_names
from guided.training.data.captions import COLOURED, STYLES_ZH, UNKNOWN, CaptionWriter, Depiction
from guided.training.evaluation import judging
from guided.training.evaluation.questions import exam

if TYPE_CHECKING:
    from open_clip.model import CLIP

PLAIN = ("a {}", "picture of a {}")
MANNERED = 0.15  # share of the sentences that name a manner of drawing
SHARPNESS = 20.0  # of the softmax over the batch's sentences
Made = tuple[tuple[list[str], list[str]], tuple[list[str], Tensor]]  # sentences, names
SAME = 0.98  # cosine from which two targets count as equal


@dataclass
class Settings(TrainingSettings):
    """The settings of a text tower's training."""

    tower: str = "a"  # a, b or judge: the architecture
    init: str = ""  # the folder of the CLIP; empty: the shipped one
    out: str = ""  # runs/reading_<tower> if empty
    minutes: float = 20.0
    batch: int = 96
    lr: float = 1e-3  # of Adam
    fade: float = 0.4
    filler: float = UNKNOWN  # share of the sentences with words around the name that mean nothing
    naming: float = 1.0  # weight of the bare names, told apart by pictures; 0: none

    def check(self) -> None:
        super().check()
        shipped = judging.FOLDER if self.tower == "judge" else f"clip_{self.tower}"
        check_init(self.tower, "")
        pictures.check_prepared(self.data)
        self.init = self.init or str(EMBEDDED / shipped)
        check_init(self.tower, self.init)
        if not 0 <= self.filler <= 1:
            raise BadInput(f"filler={self.filler} must be from 0 to 1")
        if not self.naming >= 0:
            raise BadInput(f"naming={self.naming} must be 0 or more")
        self.out = self.out or f"runs/reading_{self.tower}"


class SentencePairs:
    """A source of random sentences about the data's concepts, with plain ones of equal meaning.
    `usual`: concept -> the colour of most of its pictures; `filler`: share of the sentences with
    words around the name that mean nothing."""

    def __init__(self, words: list[dict], usual: dict[int, str], filler: float = UNKNOWN) -> None:
        self.usual = usual
        self.captions = CaptionWriter(words, sources.name_words(), filler)
        subjects = sources.subjects()
        # The square root raises the share of rarely shown concepts.
        self.weights = torch.tensor([batches.weight(word, subjects) for word in words]).sqrt()

    def batch(self, count: int, rng: Generator) -> tuple[list[str], list[str]]:
        """Return `count` sentences, and plain English ones of equal meaning."""
        concepts = torch.multinomial(self.weights, count, replacement=True, generator=rng)
        choice = random.Random(int(torch.randint(2**31, (), generator=rng)))
        both = [self.pair(concept, choice) for concept in concepts.tolist()]
        return [sentence for sentence, _ in both], [plain for _, plain in both]

    def pair(self, concept: int, rng: random.Random) -> tuple[str, str]:
        """Return a sentence about a concept, and the plain one."""
        if rng.random() < MANNERED:
            return self.pair_in_manner(concept, rng)
        style = rng.choice(list(STYLES_ZH))
        facts = Depiction(concept, rng.choice([*NAMES, None]), rng.choice([*NAMES, None]), style)
        caption = self.captions.write(facts, rng)
        colour = facts.colour if "colour" in caption.stated else None
        is_english = caption.name.isascii()
        names = [caption.name] if is_english else self.captions.english[concept][0]
        if colour:  # "green heart", not "green red heart"
            names = [name for name in names if not COLOURED.search(name)] or names
        name = rng.choice(names)
        if not colour and not COLOURED.search(name) and rng.random() < 0.5:
            colour = self.usual.get(concept)
        plain = rng.choice(PLAIN).format(f"{colour} {name}" if colour else name)
        ground = facts.ground if "ground" in caption.stated else rng.choice(["white", None])
        plain += f" on a {ground} background" if ground else ""
        return caption.text, plain + (f", {style} style" if "style" in caption.stated else "")

    def pair_in_manner(self, concept: int, rng: random.Random) -> tuple[str, str]:
        """Return a sentence about a concept in a manner, and the plain one."""
        manner = rng.randrange(len(MANNERS))
        facts = Depiction(concept, None, None, rng.choice(list(STYLES_ZH)))
        _, name = self.captions.sentence(facts, rng, ease=1.0)
        text, _ = manners.sentence(manner, name, rng)
        english = name if name.isascii() else rng.choice(self.captions.english[concept][0])
        return text, manners.plain_sentence(manner, english)


class NamesOfSubjects:
    """A source of a name of each subject, with the mean embedding of its pictures, of unit length:
    `means` (K, C). Told apart by these, names that share most of their tokens differ as much as
    what they name: coat and coin, fire and fire engine."""

    def __init__(
        self, clip: CLIP, dataset: pictures.Pictures, captions: CaptionWriter, learner: str
    ) -> None:
        known = sources.subjects()["weights"]
        vendors = set(sources.of(learner)) - sources.tinted()
        seen = [vendor in vendors for vendor in dataset.vendors]
        rows: dict[int, list[int]] = {}
        for row, concept in enumerate(dataset.concepts.tolist()):
            if seen[row] and dataset.words[concept]["label"] in known:
                rows.setdefault(concept, []).append(row)
        self.concepts = list(rows)
        self.captions = captions
        self.means = torch.stack([mean_embedding(clip, dataset, rows[i]) for i in self.concepts])

    def batch(self, rng: Generator) -> tuple[list[str], Tensor]:
        """Return a name of each subject, English or Chinese, and (K, K): which subjects' names it
        is not."""
        choice = random.Random(int(torch.randint(2**31, (), generator=rng)))
        books = self.captions.english, self.captions.chinese
        names = [choice.choice(choice.choice(books)[i][0]) for i in self.concepts]
        owners = [self.captions.owners[name] for name in names]
        others = [[i not in owner for i in self.concepts] for owner in owners]
        texts = [
            f"a {name}" if name.isascii() and choice.random() < 0.5 else name for name in names
        ]
        return texts, torch.tensor(others)


@torch.no_grad()
def mean_embedding(clip: CLIP, dataset: pictures.Pictures, rows: list[int]) -> Tensor:
    """Return the mean embedding (C,) of pictures on white, of unit length."""
    white = over(*dataset.batch(torch.tensor(rows)), torch.ones(1, 3, 1, 1))
    points = clip.encode_image(architectures.normalised(white), normalize=True)
    return F.normalize(points.mean(0), dim=-1)


def naming_loss(texts: Tensor, means: Tensor, others: Tensor) -> Tensor:
    """Return the cross entropy of names (K, C) among the mean embeddings of all subjects' pictures
    (K, C), plus their cosine distance. `others` (K, K): which of them a name does not mean."""
    own = torch.arange(len(texts), device=texts.device)
    wrong = others | torch.eye(len(texts), dtype=torch.bool, device=texts.device)
    logits = (SHARPNESS * texts @ means.T).masked_fill(~wrong, -1e4)
    return F.cross_entropy(logits, own) + 0.5 * (1 - (texts * means).sum(1)).mean()


def usual_colours(dataset: pictures.Pictures) -> dict[int, str]:
    """Return, by concept, the colour of more than half of its pictures, if there is one."""
    colours: dict[int, list[str | None]] = {}
    for part in torch.arange(len(dataset)).split(256):
        names = colour_names(*dataset.batch(part))
        for concept, name in zip(dataset.concepts[part].tolist(), names, strict=True):
            colours.setdefault(concept, []).append(name)
    most = {concept: Counter(names).most_common(1)[0] for concept, names in colours.items()}
    return {i: name for i, (name, n) in most.items() if name and 2 * n > len(colours[i])}


def loss(texts: Tensor, targets: Tensor) -> Tensor:
    """Return the cosine distance of texts (B, C) to targets (B, C), both of unit length, plus
    InfoNCE against the batch's other targets."""
    same = (targets @ targets.T > SAME) & ~torch.eye(len(texts), dtype=torch.bool).to(texts.device)
    logits = (SHARPNESS * texts @ targets.T).masked_fill(same, -1e4)
    own = torch.arange(len(texts), device=texts.device)
    return (1 - (texts * targets).sum(1)).mean() + 0.2 * F.cross_entropy(logits, own)


@torch.no_grad()
def measure(model: CLIP, teacher: CLIP, tokenize: Tokenize) -> dict[str, float]:
    """Return, by kind and language, how often the exam's prompts, none of which training uses, are
    nearest to their English object, and their mean cosine to it."""
    bare = exam("objects", "en")
    objects = short_texts.encode(teacher, tokenize(bare.choices))
    results = {}
    for kind, language in (("objects", "zh"), ("sentences", "en"), ("sentences", "zh")):
        questions = exam(kind, language).questions
        texts = short_texts.encode(model, tokenize([each.prompt for each in questions]))
        truth = torch.tensor([each.truth for each in questions])
        cosine = texts @ objects.T
        right = (cosine.argmax(1) == truth).float().mean().item()
        results[f"{kind} {language}"] = round(right, 3)
        mean = cosine.gather(1, truth.view(-1, 1)).mean().item()
        results[f"{kind} {language} cosine"] = round(mean, 3)
    return results


def train(settings: Settings) -> None:
    """Train the text tower and ship the CLIP with its averaged weights."""
    device = prepare(settings)
    merges = Path(settings.init) / bpe.FILE
    tokenize = tokenizer(merges)
    teacher = load_clip(settings.tower, settings.init).requires_grad_(False).eval().to(device)
    model = load_clip(settings.tower, settings.init).to(device)
    freeze(model, "texts")
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    adam = AdamW(trained, settings.lr, betas=(0.9, 0.98))
    trainer = Trainer(settings, model, [adam], warmup=40, longest=1000)
    dataset = pictures.load(settings.data, architectures.size(settings.tower))
    pairs = SentencePairs(dataset.words, usual_colours(dataset), settings.filler)
    learner = "judge" if settings.tower == "judge" else "guides"
    names = NamesOfSubjects(teacher.cpu(), dataset, pairs.captions, learner)
    teacher.to(device)
    means = names.means.to(device)

    def encode(network: CLIP, sentences: list[str]) -> Tensor:
        return short_texts.encode(network, tokenize(sentences).to(device))

    def make(step: int, rng: Generator) -> Made:
        return pairs.batch(settings.batch, rng), names.batch(rng)

    def loss_of(made: Made, rng: Generator) -> tuple[Tensor, dict]:
        (sentences, plain), (bare, others) = made
        with torch.no_grad():
            targets = encode(teacher, plain)
        texts = encode(model, sentences)
        value = loss(texts, targets)
        found = {"cosine": (texts * targets).sum(1).mean().item()}
        if settings.naming:
            named = encode(model, bare)
            value = value + settings.naming * naming_loss(named, means, others.to(device))
            right = (named @ means.T).argmax(1) == torch.arange(len(means), device=device)
            found["named"] = right.float().mean().item()
        return value, found

    def look() -> None:
        folder = trainer.ship_path("shipped")
        shipped = publish(trainer.averaged(), settings.tower, merges, folder)
        print(trainer.step, measure(shipped, teacher.cpu(), tokenize), folder, flush=True)
        teacher.to(device)

    trainer.fit(make, loss_of, look)


if __name__ == "__main__":
    main(Settings, train)
