"""Recognition: whether a finished picture shows what was asked for, by the zero-shot classifier
of a CLIP that did not guide it (Radford et al. 2021, https://arxiv.org/abs/2103.00020).

A CLIP that guided a picture takes it for what was asked for in any case."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from guided.guides.ranking import parts_of
from guided.interfaces import ClipModel
from guided.prompts.lexicon import Lexicon
from guided.prompts.prompt import Prompt, is_wanted

if TYPE_CHECKING:
    from torch import Tensor

FIRST = 4  # names, among which that of a thing that is recognised is
CHANCE = 0.05  # probability of a name from which on its thing is recognised all the same
NAMED = 2  # things that a picture is said to look like


def doubts(
    image: Tensor, prompts: Sequence[Prompt], clip: ClipModel, lexicon: Lexicon
) -> dict[str, str]:
    """Return the things that a picture (1, 3, H, W) in [0, 1], or a region of it, was to show and
    that a CLIP does not recognise, each with what it looks like instead; of those prompts that ask
    for one known thing, by its names in the prompt's language."""
    found = {}
    for part, own in parts_of(image, prompts):
        wanted = [asked for asked in own if is_wanted(asked)]
        if len(wanted) != 1 or wanted[0].image:
            continue
        reading = lexicon.read(wanted[0].text)
        if reading.known is None:
            continue
        likely = ranked(part, clip, lexicon)
        place = list(likely).index(reading.known)
        if place >= FIRST and likely[reading.known] < CHANCE:
            names = [lexicon.names[label][reading.chinese] for label in likely]
            joint = "、" if reading.chinese else ", "
            found[names[place]] = joint.join(names[:NAMED])
    return found


def ranked(image: Tensor, clip: ClipModel, lexicon: Lexicon) -> dict[str, float]:
    """Return the labels of all known things with the probability that the middle of an image
    (1, 3, H, W) shows them, the most likely first."""
    import torch
    import torch.nn.functional as F

    names = things(lexicon)
    with torch.no_grad():
        view = F.interpolate(middle(image).float().clamp(0, 1), clip.size, mode="area")
        texts = clip.encode_names(list(names.values()))
        chances = (clip.logit_scale * clip.encode_image(view) @ texts.T).softmax(1)[0]
    order = chances.argsort(descending=True, stable=True).tolist()
    labels = list(names)
    return {labels[k]: float(chances[k]) for k in order}


@cache
def things(lexicon: Lexicon) -> dict[str, str]:
    """Return the English names of all known things by their labels."""
    entries = (entry for entry in lexicon.entries.values() if entry.known and entry.is_object)
    return {entry.label: lexicon.names[entry.label][0] for entry in entries}


def middle(image: Tensor) -> Tensor:
    """Return the central square of an image (B, C, H, W), where the object of a wide or tall
    canvas is."""
    height, width = image.shape[2:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[:, :, top : top + side, left : left + side]
