"""The judge at work: which of many texts fits a picture best, and how well it does on real
renderings that it never learnt from. Knows nothing about drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from guided import clip
from guided.errors import BadInput
from guided.models.cards import ClipCard
from guided.training import pictures, sources
from guided.training.questions import Exam, Question, exam
from guided.training.views import NAMES, OWNER, POINTS

FOLDER = Path(__file__).parent / "judge_clip"  # in the repository, away from what guides
SHARE = 0.875  # of the side that an object spans, as in drawn pictures
GREY = torch.tensor([0.3, 0.59, 0.11]).view(3, 1, 1)


@dataclass
class Judge:
    model: clip.Clip

    @classmethod
    def load(cls, folder: str | Path = FOLDER) -> Judge:
        folder = Path(folder).resolve()
        if not (folder / "open_clip_config.json").exists():
            raise BadInput(
                f"judge={folder} holds no CLIP; python -m guided.training.judge makes it"
            )
        card = ClipCard(name="judge", path=str(folder))
        return cls(clip.load(card, torch.device("cpu"), torch.float32))

    @torch.no_grad()
    def ranks(self, images: Tensor, truths: Sequence[int], choices: Sequence[str]) -> list[int]:
        """images (B, 3, H, W) in [0, 1] -> the place of each one's true text among all, from 1."""
        texts = self.model.encode_text(choices)
        if tuple(images.shape[2:]) != self.model.size:
            images = F.interpolate(images, self.model.size, mode="area")
        points = [self.model.encode_image(part) for part in images.clamp(0, 1).split(64)]
        scores = torch.cat(points) @ texts.T
        right = scores.gather(1, torch.tensor(truths).view(-1, 1))
        return ((scores > right).sum(1) + 1).tolist()


def firsts(ranks: Sequence[int]) -> dict[str, float | int]:
    """How often first, how often among the first five, and the median place."""
    if not ranks:
        return {"count": 0}
    places = torch.tensor(ranks)
    return {
        "count": len(ranks),
        "first": round((places == 1).float().mean().item(), 4),
        "five": round((places <= 5).float().mean().item(), 4),
        "median": places.median().item(),
    }


def ceiling(judge: Judge, sheet: Exam, book: pictures.Pictures) -> dict[str, dict] | None:
    """The same questions about real renderings by each vendor that the judge never learnt from;
    None for what cannot be made of them (styles)."""
    if sheet.kind == "styles":
        return None
    found = {}
    for vendor in sources.of("guides"):
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
        colour = coloured(colour, point(question.colour))
    ground = point(question.ground) if question.ground else torch.ones(3)
    still = torch.zeros(1, 2, dtype=torch.long)
    placed = pictures.placed(colour, alpha, colour.shape[-1], SHARE, still)
    return pictures.over(*placed, ground.view(1, 3, 1, 1))[0]


def point(name: str) -> Tensor:
    """(3,) of a palette's colour."""
    return POINTS[OWNER.tolist().index(NAMES.index(name))]


def coloured(colour: Tensor, tint: Tensor) -> Tensor:
    """A picture in shades of one colour: its light is kept, relative to its own mean."""
    light = (colour * GREY).sum(1, keepdim=True)
    mean = light[light > 0.02].mean() if (light > 0.02).any() else light.new_tensor(0.5)
    return (tint.view(1, 3, 1, 1) * (light / mean)).clamp(0, 1)


def real(judge: Judge, book: pictures.Pictures, names: Sequence[str]) -> dict[str, dict]:
    """Exam name -> mean over the vendors, and each vendor by itself."""
    found = {}
    for name in names:
        each = ceiling(judge, exam(*name.split()), book)
        if each:
            mean = lambda key: round(sum(v[key] for v in each.values()) / len(each), 4)  # noqa: B023, E731
            found[name] = {"first": mean("first"), "five": mean("five"), "vendors": each}
    return found
