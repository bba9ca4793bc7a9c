"""Best of many: the score by which finished pictures are ranked, CLIP's cosine with the prompts.

A CLIP that guided a picture scores it too highly; independent ones (`rank=`) are fairer judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from guided.interfaces import ClipModel
from guided.prompts.prompt import Prompt, meant_for

if TYPE_CHECKING:
    from torch import Tensor


def score(
    image: Tensor,
    prompts: Iterable[Prompt],
    clips: Mapping[str, ClipModel],
    judges: Mapping[str, ClipModel] | None = None,
) -> float | None:
    """Return the cosine, -1..1, of a picture (1, 3, H, W) in [0, 1] with its prompts, or None if
    there are none.

    It is the mean over the judges, each of which reads all prompts, or without judges over the
    CLIPs, each of which reads its own. Prompts have the weights of the end of the run; if all of
    those are 0, the mean over the run."""
    from guided.guides.clip_loss import cosine

    prompts = list(prompts)
    pairs = (
        [(clip, prompts) for clip in judges.values()]
        if judges
        else [(clip, meant_for(prompts, name)) for name, clip in clips.items()]
    )
    cosines = [cosine(image, own, clip) for clip, own in pairs]
    known = [value for value in cosines if value is not None]
    return sum(known) / len(known) if known else None
