"""How well a CLIP does in the exam on real renderings that it never learnt from: what drawn
pictures can reach at most.

    python -m guided.training.evaluation.examine                                        # the judge
    python -m guided.training.evaluation.examine clip=guided/models/embedded/clip_a learner=guides

Knows nothing about drawing.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from guided.errors import BadInput, not_one_of
from guided.training.common.settings import main
from guided.training.data import pictures, sources
from guided.training.data.augmentation import NAMES, OWNER, POINTS
from guided.training.data.subjects import FILL
from guided.training.evaluation import judging
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import KINDS, LANGUAGES, Exam, Question, exam

KEPT = "real.json"  # beside the judge's weights, for who has no prepared data


@dataclass
class Settings:
    clip: str = str(judging.FOLDER)
    learner: str = "judge"  # what it was trained as; the other's vendors are shown
    data: str = "data"
    keep: bool = False  # the figures beside the weights


def answers(
    judge: Judge, sheet: Exam, book: pictures.Pictures, vendors: Sequence[str]
) -> dict[str, dict] | None:
    """The questions of an exam about each vendor's renderings; None for what cannot be made of
    them (styles)."""
    if sheet.kind == "styles":
        return None
    found = {}
    for vendor in vendors:
        drawn = [render(book, vendor, question) for question in sheet.questions]
        there = [i for i, picture in enumerate(drawn) if picture is not None]
        truths = [sheet.questions[i].truth for i in there]
        images = torch.stack([drawn[i] for i in there])
        found[vendor] = firsts(judge.ranks(images, truths, sheet.choices))
    return found


def render(book: pictures.Pictures, vendor: str, question: Question) -> Tensor | None:
    """(3, S, S) in [0, 1]: one vendor's picture of a question's subject, in its colour and on its
    ground; None where the vendor has none."""
    labels = [word["label"] for word in book.words]
    concept = labels.index(question.of)
    rows = [
        i for i, name in enumerate(book.vendors) if name == vendor and book.concepts[i] == concept
    ]
    if not rows:
        return None
    colour, alpha = book.batch(torch.tensor(rows[:1]))
    if question.colour:
        colour = pictures.shaded(colour, alpha, point(question.colour).view(1, 3))
    ground = point(question.ground) if question.ground else torch.ones(3)
    placed = pictures.placed(colour, alpha, colour.shape[-1], FILL)
    return pictures.over(*placed, ground.view(1, 3, 1, 1))[0]


def point(name: str) -> Tensor:
    """(3,) of a palette's colour."""
    return POINTS[OWNER.tolist().index(NAMES.index(name))]


def examine(
    judge: Judge, book: pictures.Pictures, names: Sequence[str], vendors: Sequence[str]
) -> dict[str, dict]:
    """Exam name -> how often the truth comes first and among the first five: the mean over the
    vendors, and each by itself."""
    found = {}
    for name in names:
        each = answers(judge, exam(*name.split()), book, vendors)
        if each:
            means = {
                key: round(sum(vendor[key] for vendor in each.values()) / len(each), 4)
                for key in ("first", "five")
            }
            found[name] = {**means, "vendors": each}
    return found


def report(settings: Settings) -> None:
    others = "guides" if settings.learner == "judge" else "judge"
    if settings.learner not in ("judge", "guides"):
        raise BadInput(not_one_of("learner", settings.learner, ("judge", "guides")))
    if not pictures.prepared(settings.data):
        raise BadInput(f"data={settings.data}: python -m guided.training.data makes it")
    judge = Judge.load(settings.clip)
    book = pictures.load(settings.data, judge.model.size[0])
    names = [f"{kind} {language}" for kind in KINDS for language in LANGUAGES]
    found = examine(judge, book, names, sources.of(others))
    for name, result in found.items():
        each = "  ".join(f"{v} {r['first']:.2f}" for v, r in result["vendors"].items())
        print(f"{name:<16} {result['first']:.3f} {result['five']:.3f}  {each}")
    if settings.keep:
        (Path(settings.clip) / KEPT).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(Settings, report)
