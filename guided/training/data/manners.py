"""The prepared pictures in manners of drawing, and their captions in English and Chinese."""

from __future__ import annotations

import random

import torch
from torch import Generator, Tensor

from guided.outputs.manner_names import MANNERS, NAMES
from guided.outputs.manners import FILTERS

SENTENCES = ("{manner} of a {name}", "a {name}, {manner}", "a {manner} {name}", "{manner} {name}")
SENTENCES_ZH = ("{manner}{name}", "{name}，{manner}", "{manner}风格的{name}", "{name}的{manner}")


def drawn(colour: Tensor, alpha: Tensor, which: Tensor, rng: Generator) -> Tensor:
    """Return pictures in the manners of indices `which` (B,) of MANNERS."""
    out = torch.empty_like(colour)
    for i, name in enumerate(NAMES):
        rows = (which == i).nonzero()[:, 0]
        if len(rows):
            out[rows] = FILTERS[name](colour[rows], alpha[rows], rng).clamp(0, 1)
    return out


def sentence(manner: int, name: str, choice: random.Random) -> tuple[str, str]:
    """Return a caption of a thing in a manner, and the same in another manner."""
    language = 0 if name.isascii() else 1
    frame = choice.choice(SENTENCES_ZH if language else SENTENCES)
    names = [each[language] for each in MANNERS]
    other = choice.choice([each for each in names if each != names[manner]])
    one, another = (frame.format(manner=each, name=name) for each in (names[manner], other))
    return one, another


def plain_sentence(manner: int, name: str) -> str:
    """Return the plainest English caption of a thing in a manner."""
    return SENTENCES[0].format(manner=MANNERS[manner][0], name=name)
