"""Texts as a latent diffusion model reads them, and their mixture by the prompts' weights."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from guided.compat.open_clip import import_open_clip
from guided.errors import shown
from guided.generators.latent.config import END, LENGTH
from guided.generators.latent.network import LatentNetworks
from guided.prompts.prompt import NEGATIVE_WEIGHT, Prompt

log = logging.getLogger(__name__)
EMPTY = ""


def tokenizer() -> Any:
    """Return CLIP's tokenizer, whose vocabulary Stable Diffusion 1 and 2 share."""
    return import_open_clip().SimpleTokenizer(context_length=LENGTH)


def tokens_of(texts: Sequence[str], padding: int) -> Tensor:
    """Return the tokens (P, 77) of texts, with `padding` behind the end of each; a warning for
    texts that are longer than the encoder reads."""
    words = tokenizer()
    for text in texts:
        if (length := len(words.encode(text))) > LENGTH - 2:
            log.warning(
                "the model reads %d tokens of a prompt, and the last %d of %s are left out; "
                "CLIPs read all of it",
                *(LENGTH - 2, length - LENGTH + 2, shown(text)),
            )
    tokens = words(list(texts))
    behind = (tokens == END).cumsum(1) - (tokens == END).long() > 0
    return torch.where(behind, padding, tokens)


def texts_of(prompts: Iterable[Prompt]) -> list[Prompt]:
    """Return the prompts that the model reads: texts that are not meant for some CLIPs alone."""
    return [one for one in prompts if not one.image and not one.clips]


@dataclass
class EncodedTexts:
    """The encoded texts of some prompts, (1, 77, context) each."""

    prompts: Sequence[Prompt]
    encoded: dict[str, Tensor]

    def mixed(self, progress: float) -> tuple[Tensor, Tensor]:
        """Return what classifier-free guidance leads away from, and what it leads to.

        The latter is the mean of the wanted texts by their weights. The former is the empty text,
        in whose place unwanted texts come as far as their weights reach half of the wanted ones',
        the usual weight of `negative`: that is Stable Diffusion's negative prompt."""
        weights = [(one.text, one.at(progress)) for one in self.prompts]
        wanted = [(text, weight) for text, weight in weights if weight > 0]
        unwanted = [(text, -weight) for text, weight in weights if weight < 0]
        empty = self.encoded[EMPTY]
        aim, base = self._mean(wanted, empty), self._mean(unwanted, empty)
        share = 0.0
        if unwanted:
            most = -NEGATIVE_WEIGHT * total_of(wanted)
            share = min(1.0, total_of(unwanted) / most) if most else 1.0
        return torch.lerp(empty, base, share), aim

    def _mean(self, weights: Sequence[tuple[str, float]], empty: Tensor) -> Tensor:
        """Return the mean of texts by their weights; the empty text if there is none."""
        total = total_of(weights)
        shares = (weight / total * self.encoded[text] for text, weight in weights)
        return sum(shares, torch.zeros_like(empty)) if weights else empty


def total_of(weights: Iterable[tuple[str, float]]) -> float:
    """Return the sum of the weights of texts."""
    return sum(weight for _, weight in weights)


def encode(
    networks: LatentNetworks, prompts: Sequence[Sequence[Prompt]], device: torch.device
) -> list[EncodedTexts]:
    """Return the encoded texts of the prompts of each image, in float32."""
    each = [texts_of(own) for own in prompts]
    texts = list(dict.fromkeys([EMPTY, *(one.text for own in each for one in own)]))
    tokens = tokens_of(texts, networks.padding).to(device)
    # One by one: the last bits of a text must not depend on those beside it.
    encoded = {text: networks.read(tokens[k : k + 1]).float() for k, text in enumerate(texts)}
    return [EncodedTexts(own, encoded) for own in each]
