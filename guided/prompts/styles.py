"""Whose hand and what look: artists and styles as words that go to the prompts.

An artist is one of several hands, and a prompt is shared out among them; styles are said together.
A weight is the share of the prompt that says it: what the artists' weights leave of 1 is left
plain, and where they exceed 1 they are divided by their sum; likewise a style's weight, divided
by the largest where that exceeds 1. Knows nothing about where presets are kept (presets.py), nor
about CLIP; imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from guided.errors import not_one_of
from guided.prompts.prompt import Prompt
from guided.schedule import HEAVIEST, Schedule, schedule
from guided.text import CHINESE, ENGLISH, language

KINDS = ("medium", "style", "mood")
STOPS = " \t\n,;.，；。、"  # not kept where more words follow


@dataclass
class Bilingual:
    en: str = ""
    zh: str = ""

    def said(self, language: str) -> str:
        """In that language, or where it is not given in the other one."""
        return (self.zh or self.en) if language == CHINESE else (self.en or self.zh)


@dataclass
class Artist:
    """A hand to draw by."""

    name: Bilingual = field(default_factory=Bilingual)
    place: str = ""
    years: str = ""  # "c. 1450–1516"
    words: Bilingual = field(default_factory=Bilingual)  # what is characteristic
    weight: Any = 1.0  # the share of each prompt; a schedule lets one hand follow another

    def __post_init__(self) -> None:
        self.weight = schedule("weight", self.weight, 0, HEAVIEST)

    def says(self, language: str) -> str:
        name = self.name.said(language)
        by = name and (f"{name}风格" if language == CHINESE else f"by {name}")
        return joined([by, self.words.said(language)], language)


@dataclass
class Style:
    """A medium, a style or a mood."""

    name: Bilingual = field(default_factory=Bilingual)
    kind: str = "style"
    words: Bilingual = field(default_factory=Bilingual)
    models: list[str] = field(default_factory=list)  # that learnt from such pictures
    weight: Any = 1.0  # the share of each prompt

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(not_one_of("kind", self.kind, KINDS))
        self.weight = schedule("weight", self.weight, 0, HEAVIEST)

    def says(self, language: str) -> str:
        return self.words.said(language) or self.name.said(language)


@dataclass(frozen=True)
class StyleShare:
    """What part of a prompt is drawn by one of the artists, or by none, in some of the styles."""

    artist: int | None
    styles: tuple[bool, ...]  # which of them
    hands: tuple[Schedule, ...]  # the artists' weights
    looks: tuple[Schedule, ...]  # the styles'

    def __call__(self, progress: float) -> float:
        parts = shares(self.hands, progress, sum)
        hand = max(0.0, 1 - sum(parts)) if self.artist is None else parts[self.artist]
        said = zip(shares(self.looks, progress, max), self.styles, strict=True)
        return hand * math.prod(share if on else 1 - share for share, on in said)

    @property
    def constant(self) -> bool:
        return all(weight.constant for weight in (*self.hands, *self.looks))


@dataclass(frozen=True)
class Shared:
    """A prompt's weight, times its share."""

    weight: float | Schedule
    share: StyleShare

    def __call__(self, progress: float) -> float:
        weight = self.weight(progress) if isinstance(self.weight, Schedule) else self.weight
        return weight * self.share(progress)


@dataclass
class StyleMix:
    """All artists and styles of a run."""

    artists: Mapping[str, Artist] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)

    def applied(
        self, prompts: Sequence[Prompt], decide: Callable[[str, str], str]
    ) -> list[Prompt]:
        """Each text that is asked for, once for each share of it. Pictures, and texts that are
        kept away from, stay as they are; where there is no text, the words are one of their own.

        `decide` settles the wildcards in words, given also the preset's name, so that one image
        has the same in all of its prompts."""
        shares = list(self.shares())
        found: list[Prompt] = []
        for prompt in prompts:
            if not is_asked_for(prompt):
                found.append(prompt)
                continue
            for share in shares:
                words = self.words(share, language(prompt.text), decide)
                found.append(said(prompt, words, share))
        if not any(is_asked_for(prompt) for prompt in prompts):
            own = [(self.words(share, ENGLISH, decide), share) for share in shares]
            found += [said(Prompt(""), words, share) for words, share in own if words]
        return found

    def shares(self) -> Iterator[StyleShare]:
        """Those that anything falls to."""
        hands = tuple(artist.weight for artist in self.artists.values())
        looks = tuple(style.weight for style in self.styles.values())
        over_time = zip(*(shares(looks, k / 100, max) for k in range(101)), strict=True)
        on_and_off = [(True,) * any(said) + (False,) * (min(said) < 1) for said in over_time]
        for artist in [*range(len(hands)), None]:
            for styles in product(*on_and_off):
                share = StyleShare(artist, styles, hands, looks)
                if any(share(k / 100) > 1e-9 for k in range(101)):
                    yield share

    def words(self, share: StyleShare, language: str, decide: Callable[[str, str], str]) -> str:
        artists, styles = list(self.artists.items()), list(self.styles.items())
        chosen = [] if share.artist is None else [artists[share.artist]]
        chosen += [style for style, on in zip(styles, share.styles, strict=True) if on]
        return joined([decide(preset.says(language), name) for name, preset in chosen], language)


def shares(
    weights: Sequence[Schedule], progress: float, whole: Callable[[list[float]], float]
) -> list[float]:
    """Weights there, divided by their `sum` or `max` where that exceeds 1."""
    here = [weight(progress) for weight in weights]
    limit = max(1.0, whole(here)) if here else 1.0
    return [weight / limit for weight in here]


def is_asked_for(prompt: Prompt) -> bool:
    return not prompt.image and any(prompt.at(k / 100) > 0 for k in range(101))


def said(prompt: Prompt, words: str, share: StyleShare) -> Prompt:
    """The prompt with these words behind it, counting as much of its weight as the share is."""
    text = joined([prompt.text, words], language(prompt.text)) if words else prompt.text
    if not share.constant:
        return replace(prompt, text=text, weight=Shared(prompt.weight, share))
    part = share(0.0)
    if part == 1:
        return replace(prompt, text=text)
    if isinstance(prompt.weight, Schedule):
        values = tuple(part * value for value in prompt.weight.values)
        return replace(prompt, text=text, weight=replace(prompt.weight, values=values))
    return replace(prompt, text=text, weight=part * prompt.weight)


def joined(parts: Sequence[str], language: str) -> str:
    comma = "，" if language == CHINESE else ", "
    given = [part.strip() for part in parts if part.strip()]
    return comma.join([part.rstrip(STOPS) or part for part in given[:-1]] + given[-1:])
