"""Best of many: the score by which finished pictures are ranked, CLIP's cosine with the prompts.

A CLIP that guided a picture scores it too highly; independent ones (`rank=`) are fairer judges.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from guided.interfaces import ClipModel
from guided.prompts.prompt import Prompt, by_region, meant_for, weights_of

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
    those are 0, the mean over the run. With regions it is the mean over these and the whole
    picture, by the sizes of their prompts' weights."""
    prompts = list(prompts)
    parts = parts_of(image, prompts)
    scored = [(cosines(part, own, clips, judges), own) for part, own in parts]
    found = [(value, max(map(size, own))) for value, own in scored if value is not None]
    if len(parts) == 1 or not found:
        return found[0][0] if found else None
    return sum(value * weight for value, weight in found) / sum(weight for _, weight in found)


def parts_of(image: Tensor, prompts: Sequence[Prompt]) -> list[tuple[Tensor, list[Prompt]]]:
    """Return each region of a picture, and the picture if it has prompts of its own, with their
    prompts."""
    from guided.cutouts.region_views import RegionView

    canvas = (image.shape[3], image.shape[2])
    return [
        (RegionView.of(region, canvas)(image) if region else image, own)
        for region, own in by_region(prompts).items()
    ]


def size(prompt: Prompt) -> float:
    """Return the size of a prompt's weight at the end of the run, or where that is 0 its largest
    one."""
    return abs(prompt.at(1.0)) or max(map(abs, weights_of(prompt)))


def cosines(
    image: Tensor,
    prompts: list[Prompt],
    clips: Mapping[str, ClipModel],
    judges: Mapping[str, ClipModel] | None,
) -> float | None:
    """Return the mean cosine of an image with prompts over the judges or the CLIPs."""
    from guided.guides.clip_loss import cosine

    pairs = (
        [(clip, prompts) for clip in judges.values()]
        if judges
        else [(clip, meant_for(prompts, name)) for name, clip in clips.items()]
    )
    cosines = [cosine(image, own, clip) for clip, own in pairs]
    known = [value for value in cosines if value is not None]
    return sum(known) / len(known) if known else None
