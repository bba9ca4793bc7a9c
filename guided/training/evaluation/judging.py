"""The judge: a CLIP that ranks texts by how well they fit a picture."""

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
    """A CLIP for evaluation."""

    model: clip_model.Clip

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
    def _scores(self, images: Tensor, choices: Sequence[str]) -> Tensor:
        """Return cosines (B, choices)."""
        texts = self.model.encode_text(choices)
        if tuple(images.shape[2:]) != self.model.size:
            images = F.interpolate(images, self.model.size, mode="area")
        features = [self.model.encode_image(part) for part in images.clamp(0, 1).split(64)]
        return torch.cat(features) @ texts.T


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
