"""Judges: CLIPs that rank texts by how well they fit a picture, and that guide nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guided.clip import model as clip_model
from guided.config.catalog import ranking
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.models.cards import ClipCard, locate
from guided.paths import EMBEDDED
from guided.schedule import always_zero

SHIPPED = "shipped"  # the name of the judge that comes with the program
PART = 7 / 8  # side of the views of parts, of the picture's
FOLDER = EMBEDDED.parent / "judge"


@dataclass
class Judge:
    """A CLIP for evaluation."""

    model: clip_model.Clip
    name: str = SHIPPED
    views: int = 1  # 1: the whole picture; 6: also its corners and its middle

    @property
    def family(self) -> str:
        """Return its family, in which verdicts may share their errors: the loss that it was
        trained with, and the kind of its image tower."""
        tower = self.model.model.visual
        trunk = getattr(tower, "trunk", tower)
        plain = type(trunk) is nn.Sequential  # of a tower of this program's own
        return f"{self.model.kind} {type(tower if plain else trunk).__name__}"

    @classmethod
    def load(cls, folder: str | Path = FOLDER) -> Judge:
        """Return the judge of a folder. Raises BadInput if it holds none."""
        folder = Path(folder).resolve()
        if not (folder / "open_clip_config.json").exists():
            raise BadInput(
                f"judge={folder} holds no CLIP; python -m guided.training.clip.judge makes it"
            )
        card = ClipCard(name="judge", path=str(folder))
        return cls(clip_model.load(card, torch.device("cpu"), torch.float32))

    def ranks(self, images: Tensor, truths: Sequence[int], choices: Sequence[str]) -> list[int]:
        """Return the rank, from 1, of each image's true text among the choices; images (B, 3, H,
        W) in [0, 1]."""
        scores = self._scores(images, choices)
        right = scores.gather(1, torch.tensor(truths).view(-1, 1))
        return ((scores > right).sum(1) + 1).tolist()

    def chances(
        self, images: Tensor, truths: Sequence[int], choices: Sequence[str]
    ) -> list[float]:
        """Return the probability of each image's true text among the choices."""
        logits = self.model.logit_scale * self._scores(images, choices)
        return logits.softmax(1).gather(1, torch.tensor(truths).view(-1, 1))[:, 0].tolist()

    @torch.no_grad()
    def points(self, images: Tensor) -> Tensor:
        """Return the embeddings (B, D) of images (B, 3, H, W) in [0, 1], unit vectors."""
        if tuple(images.shape[2:]) != self.model.size:
            images = F.interpolate(images, self.model.size, mode="area")
        return torch.cat([self.model.encode_image(part) for part in images.clamp(0, 1).split(64)])

    def _scores(self, images: Tensor, choices: Sequence[str]) -> Tensor:
        """Return cosines (B, choices), the means over the views."""
        texts = self.model.encode_text(choices)
        each = [self.points(view) @ texts.T for view in views(images, self.views)]
        return torch.stack(each).mean(0)


def views(images: Tensor, number: int) -> list[Tensor]:
    """Return views of images (B, 3, H, W): the whole, or 6 with the corners and the middle."""
    if number == 1:
        return [images]
    height, width = images.shape[2:]
    h, w = round(height * PART), round(width * PART)
    places = [(0, 0), (0, width - w), (height - h, 0), (height - h, width - w)]
    places.append(((height - h) // 2, (width - w) // 2))
    return [images] + [images[:, :, y : y + h, x : x + w] for y, x in places]


def judges(text: str, plans: Iterable[Plan], views: int = 1) -> list[Judge]:
    """Return the judges of a list of names with commas: `shipped`, a folder, or any name that
    rank= takes. Raise BadInput, before any is loaded, for one that guides one of the plans."""
    cards: dict[str, ClipCard] = {}
    for name in filter(None, (part.strip() for part in text.split(","))):
        place = FOLDER if name == SHIPPED else Path(name)
        folder = (place / "open_clip_config.json").exists()
        cards |= (
            {name: ClipCard(name=name, path=str(place.resolve()))} if folder else ranking(name)
        )
    if not cards:
        raise BadInput(f"judges={text} names no judge; {SHIPPED} comes with the program")
    for plan in plans:
        guiding = {
            identity(card): name
            for name, card in plan.clips.items()
            if not always_zero(card.weight)
        }
        chosen = plan.judges if plan.keep else {}
        guiding |= {identity(card): f"rank={name}" for name, card in chosen.items()}
        for name, card in cards.items():
            if identity(card) in guiding:
                raise BadInput(
                    f"judges={name} is {guiding[identity(card)]}, which guides the pictures: a "
                    f"judge must be a CLIP that does not, as {SHIPPED} or siglip2_so400m"
                )
    for card in cards.values():
        if (missing := card.missing()) is not None:
            raise BadInput(f"judges={card.name}: {missing}")
    cpu = torch.device("cpu")
    return [Judge(clip_model.load(c, cpu, torch.float32), n, views) for n, c in cards.items()]


def identity(card: ClipCard) -> tuple[str, str, str]:
    """Return a digest of the weights of a CLIP."""
    if card.path and (place := locate(card.path)) is not None:
        return str(place.resolve()), "", ""
    return card.arch, card.tag or card.base, card.hub


def firsts(ranks: Sequence[int]) -> dict[str, float | int]:
    """Return the shares of ranks 1 and 1 to 5, and the median rank."""
    if not ranks:
        return {"count": 0}
    values = torch.tensor(ranks)
    return {
        "count": len(ranks),
        "first": round((values == 1).float().mean().item(), 4),
        "five": round((values <= 5).float().mean().item(), 4),
        "median": values.median().item(),
    }
