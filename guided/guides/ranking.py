"""Best of many: how well CLIP finds that finished pictures fit their prompts, and which to keep.

Knows nothing about diffusion. A CLIP that guided a picture likes it in any case; one that did not
(`rank=`) judges more fairly.
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
