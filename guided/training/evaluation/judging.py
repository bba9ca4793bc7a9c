"""The judge at work: which of many texts fits a picture best. Knows nothing about drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor

from guided.clip import model as clip_model
from guided.errors import BadInput
from guided.models.cards import ClipCard

FOLDER = Path(__file__).parent / "judge_clip"  # in the repository, away from what guides


@dataclass
class Judge:
    model: clip_model.Clip

    @classmethod
    def load(cls, folder: str | Path = FOLDER) -> Judge:
        folder = Path(folder).resolve()
        if not (folder / "open_clip_config.json").exists():
            raise BadInput(
                f"judge={folder} holds no CLIP; python -m guided.training.clip.judge makes it"
            )
        card = ClipCard(name="judge", path=str(folder))
        return cls(clip_model.load(card, torch.device("cpu"), torch.float32))

    def ranks(self, images: Tensor, truths: Sequence[int], choices: Sequence[str]) -> list[int]:
        """images (B, 3, H, W) in [0, 1] -> the place of each one's true text among all, from 1."""
        scores = self._scores(images, choices)
        right = scores.gather(1, torch.tensor(truths).view(-1, 1))
        return ((scores > right).sum(1) + 1).tolist()

    def chances(
        self, images: Tensor, truths: Sequence[int], choices: Sequence[str]
    ) -> list[float]:
        """How probable the judge finds each one's true text, among all."""
        logits = self.model.logit_scale * self._scores(images, choices)
        return logits.softmax(1).gather(1, torch.tensor(truths).view(-1, 1))[:, 0].tolist()

    @torch.no_grad()
    def _scores(self, images: Tensor, choices: Sequence[str]) -> Tensor:
        """Cosines, (B, choices)."""
        texts = self.model.encode_text(choices)
        if tuple(images.shape[2:]) != self.model.size:
            images = F.interpolate(images, self.model.size, mode="area")
        points = [self.model.encode_image(part) for part in images.clamp(0, 1).split(64)]
        return torch.cat(points) @ texts.T


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
