"""Best of many: how well CLIP finds that finished pictures fit their prompts, and which to keep.

Knows nothing about diffusion. A CLIP that guided a picture likes it in any case; one that did not
(`rank=`) judges more fairly.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from guided.prompt import Prompt, meant_for

if TYPE_CHECKING:
    from torch import Tensor

    from guided.clip import Clip

ASIDE = "others"  # the folder for pictures that are not among the best


def score(
    image: Tensor,
    prompts: Iterable[Prompt],
    clips: Mapping[str, Clip],
    judges: Mapping[str, Clip] | None = None,
) -> float | None:
    """image (1, 3, H, W), nominally in [0, 1] -> cosine, -1..1, of the whole picture with the
    prompts, by their weights at the end of the run, or where none is left by then, over all of
    it; mean over the judges, who hear every prompt, or else over the CLIPs, each of which hears
    its own. None where there is nothing to compare with."""
    from guided.guides.similarity import compared

    asked = list(prompts)
    pairs = (
        [(clip, asked) for clip in judges.values()]
        if judges
        else [(clip, meant_for(asked, name)) for name, clip in clips.items()]
    )
    cosines = [compared(image, heard, clip) for clip, heard in pairs]
    found = [cosine for cosine in cosines if cosine is not None]
    return sum(found) / len(found) if found else None


@dataclass
class Best:
    """Which pictures of a run are the `keep` best so far; the others are put aside, not lost."""

    keep: int
    scores: dict[Path, float] = field(default_factory=dict)

    def add(self, path: Path, score: float | None) -> None:
        self.scores[path] = -math.inf if score is None else score
        if len(self.scores) > self.keep:
            # Of two equals the earlier one stays.
            worst = min(reversed(self.scores), key=lambda path: self.scores[path])
            put_aside(worst)
            del self.scores[worst]

    def ranked(self) -> list[tuple[Path, float]]:
        """The best first."""
        return sorted(self.scores.items(), key=lambda item: -item[1])


def put_aside(path: Path) -> None:
    folder = path.parent / ASIDE
    folder.mkdir(exist_ok=True)
    os.replace(path, folder / path.name)
