"""The batches that a CLIP learns from: a picture and a caption of each of several concepts, and
which captions fit which pictures.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Generator, Tensor

from guided.outputs.manner_names import MANNERS
from guided.paths import EMBEDDED
from guided.training.clip import architectures, bpe
from guided.training.data import augmentation, folder, manners, pictures, sources
from guided.training.data.captions import COLOURED, UNKNOWN, Caption, CaptionWriter, Depiction
from guided.training.data.folder import CaptionedFolder

RARE_GROUPS = (
    *("person", "family", "hand", "gender", "time", "zodiac", "mail", "office"),
    *("arrow", "av-", "alphanum", "transport-sign"),
)
SUBJECT, LATER, OTHER, RARE = 2.5, 0.1, 0.02, 0.004  # sampling weights
MANNERED = 0.2  # share of a batch that is drawn in a manner
TINTED = 0.3  # weight of a monochrome picture beside others of its concept


@dataclass
class CaptionedBatch:
    """Pictures and captions. The texts after the first B are hard negatives of some captions."""

    images: Tensor  # (B, 3, S, S) in [0, 1]
    texts: list[str]
    concepts: Tensor  # (B,)
    compared: Tensor  # (B, texts): False where another picture's caption fits this one too
    visible: Tensor  # (B, 2) indices of background and colour in augmentation.NAMES, -1 for none
    stated: Tensor  # (B, 2) the same, -1 unless the caption states it

    def to(self, device: torch.device) -> CaptionedBatch:
        """Return the batch on a device."""
        return CaptionedBatch(
            images=self.images.to(device),
            texts=self.texts,
            concepts=self.concepts.to(device),
            compared=self.compared.to(device),
            visible=self.visible.to(device),
            stated=self.stated.to(device),
        )


class Batches(Protocol):
    """A source of batches."""

    concept_count: int

    def batch(self, count: int, rng: Generator, ease: float = 0.0) -> CaptionedBatch:
        """Return a batch of `count` pictures, of which the share `ease` is easy."""


class CaptionedBatches:
    """Batches of the prepared pictures that `learner` ("guides" or "judge") may see; the share
    `share` of each batch comes from a prediction pool, and the share `filler` of the captions has
    other words around the name."""

    def __init__(
        self, dataset: pictures.Pictures, learner: str, pool: dict[str, Tensor] | None = None,
        share: float = 0.0, filler: float = UNKNOWN,
    ) -> None:  # fmt: skip
        self.dataset, self.pool, self.share = dataset, pool, share
        self.hard = learner == "judge"
        self.captions = CaptionWriter(dataset.words, sources.name_words(), filler)
        vendors, tinted = set(sources.of(learner)), sources.tinted()
        self.rows_of: dict[int, list[int]] = {}
        self.row_weights = [TINTED if vendor in tinted else 1.0 for vendor in dataset.vendors]
        for row, (concept, vendor) in enumerate(
            zip(dataset.concepts.tolist(), dataset.vendors, strict=True)
        ):
            coloured = COLOURED.search(dataset.words[concept]["label"])
            if vendor in vendors and not (vendor in tinted and coloured):
                self.rows_of.setdefault(concept, []).append(row)
        self.concept_count = len(dataset.words)
        subjects = sources.subjects()
        self.concepts = sorted(self.rows_of)
        self.weights = torch.tensor([weight(dataset.words[i], subjects) for i in self.concepts])

    def batch(self, count: int, rng: Generator, ease: float = 0.0) -> CaptionedBatch:
        """Return a batch of distinct concepts. The share `ease` is easy: pictures that are not
        degraded, bare names."""
        choice = random.Random(int(torch.randint(2**31, (), generator=rng)))
        chosen = torch.multinomial(self.weights, count, generator=rng)
        concepts = torch.tensor([self.concepts[i] for i in chosen.tolist()])
        rows = torch.tensor([self._row(i, choice) for i in concepts.tolist()])
        manner = torch.full((count,), -1)
        if not ease:  # the last ones; the first are the pool's
            some = round(count * MANNERED)
            manner[count - some :] = torch.randint(len(MANNERS), (some,), generator=rng)
        images, colours, grounds = augmentation.views(
            self.dataset, rows, rng, ease, self.hard, manner
        )
        if self.pool is not None:
            self._put_predictions(self.pool, images, rows, concepts, colours, grounds, rng)
        styles = [self.dataset.styles[self.dataset.vendors[row]] for row in rows.tolist()]
        depictions = [
            Depiction(*parts)
            for parts in zip(concepts.tolist(), colours, grounds, styles, strict=True)
        ]
        captions = [
            self.captions.write(each, choice, ease) if kind < 0
            else self._in_manner(each, kind, choice)
            for each, kind in zip(depictions, manner.tolist(), strict=True)
        ]  # fmt: skip
        owners = [self.captions.owners[each.name] for each in captions]
        compared = torch.tensor(
            [
                [i == j or concept not in owner for j, owner in enumerate(owners)]
                for i, concept in enumerate(concepts.tolist())
            ]
        )
        negated = [i for i, each in enumerate(captions) if each.negative]
        visible = [augmentation.indices_of(grounds), augmentation.indices_of(colours)]
        shown = torch.stack(visible, 1)
        stated = torch.tensor([["ground" in c.stated, "colour" in c.stated] for c in captions])
        return CaptionedBatch(
            images=images,
            texts=[each.text for each in captions] + [captions[i].negative for i in negated],
            concepts=concepts,
            compared=torch.cat([compared, compared[:, negated]], 1),
            visible=shown,
            stated=shown.where(stated, -1),
        )

    def _in_manner(self, seen: Depiction, manner: int, choice: random.Random) -> Caption:
        """Return a caption of a picture in a manner; its negative has another one."""
        _, name = self.captions.sentence(seen, choice, ease=1.0)
        text, negative = manners.sentence(manner, name, choice)
        return Caption(text, name, negative, set())

    def _row(self, concept: int, choice: random.Random) -> int:
        rows = self.rows_of[concept]
        return choice.choices(rows, [self.row_weights[row] for row in rows])[0]

    def _put_predictions(
        self, pool: dict[str, Tensor], images: Tensor, rows: Tensor, concepts: Tensor,
        colours: list[str | None], grounds: list[str | None], rng: Generator,
    ) -> None:  # fmt: skip
        """Replace the first pictures, and their facts, by predictions of the pool."""
        count = round(len(images) * self.share)
        picks = torch.randint(len(pool["images"]), (count,), generator=rng)
        images[:count] = augmentation.prediction_views(
            pool["images"][picks].float() / 255, images.shape[-1], rng
        )
        rows[:count] = pool["rows"][picks]
        concepts[:count] = self.dataset.concepts[rows[:count]]
        colours[:count] = augmentation.names_of(pool["colours"][picks])
        grounds[:count] = augmentation.names_of(pool["grounds"][picks])


def weight(word: dict, subjects: dict) -> float:
    """Return a concept's sampling weight: highest for the diffusion model's subjects, lowest for
    signs and people."""
    if word["label"] in subjects["weights"]:
        return SUBJECT
    if word["label"] in subjects["later"]:
        return LATER
    return RARE if word["group"].startswith(RARE_GROUPS) else OTHER


class FolderBatches:
    """Batches of the user's own pictures; every distinct first caption is a concept."""

    def __init__(self, own: CaptionedFolder, size: int) -> None:
        self.own, self.size = own, size
        places: dict[str, int] = {}
        self.concepts = [places.setdefault(texts[0], len(places)) for texts in own.captions]
        self.concept_count = len(places)

    def batch(self, count: int, rng: Generator, ease: float = 0.0) -> CaptionedBatch:
        """Return a batch, in which a concept may come several times; colours are unknown."""
        rows = torch.randint(len(self.concepts), (count,), generator=rng)
        images = self.own.batch(rows, self.size, rng)
        easy = torch.rand(count, 1, 1, 1, generator=rng) < ease
        images = torch.where(easy, images, augmentation.degraded(images, rng, mild=True))
        choice = random.Random(int(torch.randint(2**31, (), generator=rng)))
        texts = [choice.choice(self.own.captions[row]) for row in rows.tolist()]
        concepts = torch.tensor([self.concepts[row] for row in rows.tolist()])
        compared = (concepts[:, None] != concepts[None]) | torch.eye(count, dtype=torch.bool)
        unknown = torch.full((count, 2), -1)
        return CaptionedBatch(images, texts, concepts, compared, visible=unknown, stated=unknown)


def vocabulary(batches: CaptionedBatches, path: Path) -> Path:
    """Return `path`, the file of the vocabulary, learnt from names, tags and captions if it does
    not exist."""
    if path.exists():
        return path
    choice, writer = random.Random(0), batches.captions
    texts: list[str] = []
    for concept, word in enumerate(batches.dataset.words):
        texts += [word["label"], word["zh"], *word["tags"], *word["zh_tags"]]
        texts += writer.english[concept][0] + writer.chinese[concept][0] * 3
        for _ in range(6):
            colour, ground = choice.choice(augmentation.NAMES), choice.choice(augmentation.NAMES)
            texts.append(writer.sentence(Depiction(concept, colour, ground, "flat"), choice)[0])
    bpe.write(bpe.learn(texts), path)
    return path


def embedded_vocabulary(init: str) -> Path:
    """Return the vocabulary's file of the CLIP in the folder `init`, or of the embedded pair."""
    return Path(init or EMBEDDED / "clip_a") / bpe.FILE


def of_folder(data: str, tower: str) -> FolderBatches:
    """Return batches of the pictures in a folder."""
    size = architectures.size(tower)
    return FolderBatches(folder.load(data, size), size)
