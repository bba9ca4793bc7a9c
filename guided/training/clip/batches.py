"""What a CLIP is taught from: batches of distinct concepts, one picture and one caption of each,
and which captions fit another's picture too. Knows nothing about models.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe
from guided.training.data import augmentation, folder, pictures, sources
from guided.training.data.captions import COLOURED, Captions, Seen
from guided.training.data.folder import Folder

RARE_GROUPS = (
    *("person", "family", "hand", "gender", "time", "zodiac", "mail", "office"),
    *("arrow", "av-", "alphanum", "transport-sign"),
)
SUBJECT, LATER, OTHER, RARE = 2.5, 0.1, 0.02, 0.004  # how often each is drawn
TINTED = 0.3  # of a picture of one colour only, where there are others


@dataclass
class Batch:
    images: Tensor  # (B, 3, S, S) in [0, 1]
    texts: list[str]  # B captions, and the wrong twins of some
    concepts: Tensor  # (B,)
    rivals: Tensor  # (B, texts): False where a caption fits another's picture too
    shown: Tensor  # (B, 2) ground and colour in views.NAMES, -1 for none
    told: Tensor  # (B, 2) the same as far as the caption says it

    def to(self, device: torch.device) -> Batch:
        parts = (self.concepts, self.rivals, self.shown, self.told)
        return Batch(self.images.to(device), self.texts, *(part.to(device) for part in parts))


class CaptionedBatches:
    """`learner` (guides or judge) says whose renderings are shown: never those of the other."""

    def __init__(
        self, book: pictures.Pictures, learner: str, pool: dict | None = None, share: float = 0.0
    ) -> None:
        self.book, self.pool, self.share = book, pool, share
        self.hard = learner == "judge"
        self.captions = Captions(book.words, sources.name_words())
        shown, tinted = set(sources.of(learner)), sources.tinted()
        self.rows_of: dict[int, list[int]] = {}
        self.shares = [TINTED if vendor in tinted else 1.0 for vendor in book.vendors]
        for row, (concept, vendor) in enumerate(
            zip(book.concepts.tolist(), book.vendors, strict=True)
        ):
            coloured = COLOURED.search(book.words[concept]["label"])
            if vendor in shown and not (vendor in tinted and coloured):
                self.rows_of.setdefault(concept, []).append(row)
        self.concepts_in_all = len(book.words)
        subjects = sources.subjects()
        self.concepts = sorted(self.rows_of)
        self.weights = torch.tensor([weight(book.words[i], subjects) for i in self.concepts])

    def batch(self, count: int, rng: torch.Generator, ease: float = 0.0) -> Batch:
        """Of distinct concepts. A share `ease` is easy: clean pictures, bare names."""
        luck = random.Random(int(torch.randint(2**31, (), generator=rng)))
        chosen = torch.multinomial(self.weights, count, generator=rng)
        concepts = torch.tensor([self.concepts[i] for i in chosen.tolist()])
        rows = torch.tensor([self._row(i, luck) for i in concepts.tolist()])
        images, colours, grounds = augmentation.shown(self.book, rows, rng, ease, self.hard)
        if self.pool is not None:
            self._put_guesses(images, rows, concepts, colours, grounds, rng)
        styles = [self.book.styles[self.book.vendors[row]] for row in rows.tolist()]
        seen = [
            Seen(*parts) for parts in zip(concepts.tolist(), colours, grounds, styles, strict=True)
        ]
        said = [self.captions.say(each, luck, ease) for each in seen]
        owners = [self.captions.owners[each.name] for each in said]
        rivals = torch.tensor(
            [
                [i == j or concept not in owner for j, owner in enumerate(owners)]
                for i, concept in enumerate(concepts.tolist())
            ]
        )
        twinned = [i for i, each in enumerate(said) if each.twin]
        texts = [each.text for each in said] + [said[i].twin for i in twinned]
        rivals = torch.cat([rivals, rivals[:, twinned]], 1)
        shown = torch.stack([augmentation.numbers(grounds), augmentation.numbers(colours)], 1)
        told = torch.tensor([["ground" in each.told, "colour" in each.told] for each in said])
        return Batch(images, texts, concepts, rivals, shown, shown.where(told, -1))

    def _row(self, concept: int, luck: random.Random) -> int:
        rows = self.rows_of[concept]
        return luck.choices(rows, [self.shares[row] for row in rows])[0]

    def _put_guesses(
        self, images: Tensor, rows: Tensor, concepts: Tensor, colours: list, grounds: list,
        rng: torch.Generator,
    ) -> None:  # fmt: skip
        """A denoiser's guesses in the place of the first few pictures."""
        guessed = round(len(images) * self.share)
        picks = torch.randint(len(self.pool["images"]), (guessed,), generator=rng)
        images[:guessed] = augmentation.worn_guess(
            self.pool["images"][picks].float() / 255, images.shape[-1], rng
        )
        rows[:guessed] = self.pool["rows"][picks]
        concepts[:guessed] = self.book.concepts[rows[:guessed]]
        colours[:guessed] = augmentation.named(self.pool["colours"][picks])
        grounds[:guessed] = augmentation.named(self.pool["grounds"][picks])


def weight(word: dict, subjects: dict) -> float:
    """Most for what the diffusion model can draw, least for signs and people."""
    if word["label"] in subjects["weights"]:
        return SUBJECT
    if word["label"] in subjects["later"]:
        return LATER
    return RARE if word["group"].startswith(RARE_GROUPS) else OTHER


class FolderBatches:
    """Somebody's own pictures and the captions beside them: every distinct first caption is a
    concept."""

    def __init__(self, own: Folder, size: int) -> None:
        self.own, self.size = own, size
        places: dict[str, int] = {}
        self.concepts = [places.setdefault(said[0], len(places)) for said in own.captions]
        self.concepts_in_all = len(places)

    def batch(self, count: int, rng: torch.Generator, ease: float = 0.0) -> Batch:
        """As Lesson's; two pictures of one concept are no rivals, and colours are not known."""
        rows = torch.randint(len(self.concepts), (count,), generator=rng)
        images = self.own.batch(rows, self.size, rng)
        easy = torch.rand(count, 1, 1, 1, generator=rng) < ease
        images = torch.where(easy, images, augmentation.worn(images, rng, mild=True))
        luck = random.Random(int(torch.randint(2**31, (), generator=rng)))
        texts = [luck.choice(self.own.captions[row]) for row in rows.tolist()]
        concepts = torch.tensor([self.concepts[row] for row in rows.tolist()])
        alike = concepts[:, None] == concepts[None]
        unknown = torch.full((count, 2), -1)
        rivals = ~alike | torch.eye(count, dtype=torch.bool)
        return Batch(images, texts, concepts, rivals, unknown, unknown)


def load(settings) -> tuple[pictures.Pictures | None, CaptionedBatches | FolderBatches, Path]:
    """The prepared data (None for a folder of pictures), what is taught from it, and the
    vocabulary's file: the embedded pair's for a folder, or when its weights go on."""
    size = architectures.size(settings.tower)
    embedded = Path(settings.init or EMBEDDED / "clip_a") / bpe.FILE
    if not pictures.prepared(settings.data):
        return None, FolderBatches(folder.load(settings.data, size), size), embedded
    book = pictures.load(settings.data, size)
    pool = torch.load(settings.pool, weights_only=True) if settings.pool else None
    learner = "judge" if settings.tower == "judge" else "guides"
    lesson = CaptionedBatches(book, learner, pool, settings.pool_share)
    if settings.init:
        return book, lesson, embedded
    return book, lesson, vocabulary(lesson, Path(settings.data) / bpe.FILE)


def vocabulary(lesson: CaptionedBatches, path: Path) -> Path:
    """The merges, learnt once from names, tags and drawn captions."""
    if path.exists():
        return path
    luck, texts = random.Random(0), []
    for concept, word in enumerate(lesson.book.words):
        texts += [word["label"], word["zh"], *word["tags"], *word["zh_tags"]]
        texts += lesson.captions.english[concept][0] + lesson.captions.chinese[concept][0] * 3
        texts += [
            lesson.captions.draw(
                Seen(
                    concept,
                    luck.choice(augmentation.NAMES),
                    luck.choice(augmentation.NAMES),
                    "flat",
                ),
                luck,
            )[0]
            for _ in range(6)
        ]
    bpe.write(bpe.learn(texts), path)
    return path
