"""How alike CLIPs find cutouts of an image to each prompt, for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from guided.interfaces import ClipModel, ComparedCutouts
from guided.prompts.prompt import Prompt

if TYPE_CHECKING:
    from torch import Tensor


def compared(
    name: str, clip: ClipModel, views: Tensor, prompts: Sequence[Prompt]
) -> ComparedCutouts:
    """Return the cosines (N, P) of views (N, 3, h, w) of a CLIP's size with its prompts."""
    import torch

    from guided.guides.clip_loss import point

    with torch.no_grad():
        points = torch.stack([point(clip, asked, split=True) for asked in prompts])
        cosines = clip.encode_image(views.clamp(0, 1)) @ points.T
    return ComparedCutouts(name, list(prompts), views, cosines)
