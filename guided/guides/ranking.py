"""Best of many: how well CLIP finds that finished pictures fit their prompts, and which to keep.

Knows nothing about diffusion. A CLIP that guided a picture likes it in any case; one that did not
(`rank=`) judges more fairly.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from guided.prompts.prompt import Prompt, meant_for

if TYPE_CHECKING:
    from torch import Tensor

    from guided.clip.model import Clip

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
    from guided.guides.clip_loss import compared

    asked = list(prompts)
    pairs = (
        [(clip, asked) for clip in judges.values()]
        if judges
        else [(clip, meant_for(asked, name)) for name, clip in clips.items()]
    )
    cosines = [compared(image, heard, clip) for clip, heard in pairs]
    found = [cosine for cosine in cosines if cosine is not None]
    return sum(found) / len(found) if found else None


def put_aside(path: Path) -> None:
    folder = path.parent / ASIDE
    folder.mkdir(exist_ok=True)
    os.replace(path, folder / path.name)
