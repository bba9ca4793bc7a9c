"""Measures a CLIP in the exam on real renderings that it has not learnt from: the upper bound for
generated pictures.

    python -m guided.training.evaluation.examine                                        # the judge
    python -m guided.training.evaluation.examine clip=guided/models/embedded/clip_a learner=guides
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from guided.errors import BadInput, not_one_of
from guided.outputs.manners import over
from guided.training.common.settings import main
from guided.training.data import pictures, sources
from guided.training.data.augmentation import NAMES, OWNER, POINTS
from guided.training.data.subjects import FILL
from guided.training.evaluation import judging
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import KINDS, LANGUAGES, Exam, Question, exam

RESULTS = "real.json"  # beside the judge's weights, for use without prepared data


@dataclass
class Settings:
    """The settings of the measurement."""

    clip: str = str(judging.FOLDER)  # the CLIP that is examined: a folder
    learner: str = "judge"  # its role in training; it is shown the other role's vendors
    data: str = "data"  # the output of guided.training.data
    keep: bool = False  # write the results beside the weights


def answers(
    judge: Judge, sheet: Exam, dataset: pictures.Pictures, vendors: Sequence[str]
) -> dict[str, dict] | None:
    """Return results by vendor for an exam on its renderings; None for styles, which renderings
    do not have."""
    if sheet.kind == "styles":
        return None
    results = {}
    for vendor in vendors:
        renderings = [(render(dataset, vendor, each), each.truth) for each in sheet.questions]
        known = [(picture, truth) for picture, truth in renderings if picture is not None]
        images = torch.stack([picture for picture, _ in known])
        ranks = judge.ranks(images, [truth for _, truth in known], sheet.choices)
        results[vendor] = firsts(ranks)
    return results


def render(dataset: pictures.Pictures, vendor: str, question: Question) -> Tensor | None:
    """Return one vendor's picture (3, S, S) in [0, 1] of a question's subject, in its colour and
    on its background; None if the vendor has none."""
    labels = [word["label"] for word in dataset.words]
    concept = labels.index(question.of)
    rows = [
        i
        for i, name in enumerate(dataset.vendors)
        if name == vendor and dataset.concepts[i] == concept
    ]
    if not rows:
        return None
    colour, alpha = dataset.batch(torch.tensor(rows[:1]))
    if question.colour:
        colour = pictures.shaded(colour, alpha, point(question.colour).view(1, 3))
    ground = point(question.ground) if question.ground else torch.ones(3)
    placed = pictures.placed(colour, alpha, colour.shape[-1], FILL)
    return over(*placed, ground.view(1, 3, 1, 1))[0]


def point(name: str) -> Tensor:
    """Return the reference colour (3,) of a colour name."""
    return POINTS[OWNER.tolist().index(NAMES.index(name))]


def examine(
    judge: Judge, dataset: pictures.Pictures, names: Sequence[str], vendors: Sequence[str]
) -> dict[str, dict]:
    """Return, by exam, the shares of ranks 1 and 1 to 5: means over the vendors, and each
    vendor's."""
    results = {}
    for name in names:
        each = answers(judge, exam(*name.split()), dataset, vendors)
        if each:
            means = {
                key: round(sum(vendor[key] for vendor in each.values()) / len(each), 4)
                for key in ("first", "five")
            }
            results[name] = {**means, "vendors": each}
    return results


def report(settings: Settings) -> None:
    """Print the results, and write them beside the weights if `keep`."""
    others = "guides" if settings.learner == "judge" else "judge"
    if settings.learner not in ("judge", "guides"):
        raise BadInput(not_one_of("learner", settings.learner, ("judge", "guides")))
    pictures.check_prepared(settings.data)
    judge = Judge.load(settings.clip)
    dataset = pictures.load(settings.data, judge.model.size[0])
    names = [f"{kind} {language}" for kind in KINDS for language in LANGUAGES]
    results = examine(judge, dataset, names, sources.of(others))
    for name, result in results.items():
        each = "  ".join(f"{v} {r['first']:.2f}" for v, r in result["vendors"].items())
        print(f"{name:<16} {result['first']:.3f} {result['five']:.3f}  {each}")
    if settings.keep:
        (Path(settings.clip) / RESULTS).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main(Settings, report)
