"""Artists and styles as words that are appended to prompts.

Artists exclude each other: a prompt's weight is divided among copies of it, each with the words of
one artist. Styles combine: a copy may have the words of several. An artist's or style's weight is
the share of the prompt that has its words. The rest of the prompt has no artist; artists' weights
are divided by their sum if it exceeds 1, styles' by their maximum if it does. Imports no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Any

from guided.errors import not_one_of
from guided.prompts.prompt import Prompt, scaled
from guided.schedule import HEAVIEST, Schedule, schedule
from guided.text import CHINESE, ENGLISH, language

KINDS = ("medium", "style", "mood")
STOPS = " \t\n,;.，；。、"  # removed where more words follow


@dataclass
class Bilingual:
    """A text in English and Chinese, of which one may be empty."""

    en: str = ""
    zh: str = ""

    def text(self, language: str) -> str:
        """Return the text in this language, or else in the other one."""
        return (self.zh or self.en) if language == CHINESE else (self.en or self.zh)


@dataclass
class Artist:
    """An artist, in whose manner a picture is drawn."""

    name: Bilingual = field(default_factory=Bilingual)
    place: str = ""
    years: str = ""  # "c. 1450–1516"
    words: Bilingual = field(default_factory=Bilingual)  # for the manner
    # share of each prompt; by schedules one artist may follow another
    weight: Any = field(default=1, metadata={"listed": True})

    def __post_init__(self) -> None:
        self.weight = schedule("weight", self.weight, 0, HEAVIEST)

    def text(self, language: str) -> str:
        """Return the words that are appended to a prompt in this language."""
        name = self.name.text(language)
        by = name and (f"{name}风格" if language == CHINESE else f"by {name}")
        return joined([by, self.words.text(language)], language)


@dataclass
class Style:
    """A medium, a style or a mood."""

    name: Bilingual = field(default_factory=Bilingual)
    kind: str = field(default="style", metadata={"listed": True})
    words: Bilingual = field(default_factory=Bilingual)
    # trained on such pictures
    models: list[str] = field(default_factory=list, metadata={"listed": True})
    weight: Any = field(default=1, metadata={"listed": True})  # share of each prompt

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(not_one_of("kind", self.kind, KINDS))
        self.weight = schedule("weight", self.weight, 0, HEAVIEST)

    def text(self, language: str) -> str:
        """Return the words that are appended to a prompt in this language."""
        return self.words.text(language) or self.name.text(language)


@dataclass(frozen=True)
class StyleShare:
    """The share of a prompt that has the words of one artist, or none, and of some styles."""

    artist: int | None  # index; None: no artist
    styles: tuple[bool, ...]  # whether each style is among them
    artist_weights: tuple[Schedule, ...]
    style_weights: tuple[Schedule, ...]

    def __call__(self, progress: float) -> float:
        """Return the share, 0..1, at `progress`: the artist's times that of each style."""
        parts = shares(self.artist_weights, progress, sum)
        artist = max(0.0, 1 - sum(parts)) if self.artist is None else parts[self.artist]
        styles = zip(shares(self.style_weights, progress, max), self.styles, strict=True)
        return artist * math.prod(share if on else 1 - share for share, on in styles)

    @property
    def constant(self) -> bool:
        """Whether the share is the same all along the run."""
        return all(weight.constant for weight in (*self.artist_weights, *self.style_weights))


@dataclass(frozen=True)
class SharedWeight:
    """A prompt's weight times a share that varies over the run."""

    weight: float | Callable[[float], float]
    share: StyleShare

    def __call__(self, progress: float) -> float:
        """Return the weight at `progress`."""
        weight = self.weight(progress) if callable(self.weight) else self.weight
        return weight * self.share(progress)


@dataclass
class StyleMix:
    """The artists and styles of a run."""

    artists: Mapping[str, Artist] = field(default_factory=dict)
    styles: Mapping[str, Style] = field(default_factory=dict)

    def applied(
        self, prompts: Sequence[Prompt], decide: Callable[[str, str], str]
    ) -> list[Prompt]:
        """Return the prompts, each text of positive weight once per share, with the share's words.

        Pictures and texts of negative weight are unchanged; without any text of positive weight
        the words become prompts. `decide` replaces the wildcards in words, given also the preset's
        name, so that all prompts of an image have the same."""
        if not (self.artists or self.styles):
            return list(prompts)
        shares = list(self.shares())
        mixed: list[Prompt] = []
        for prompt in prompts:
            if not is_positive_text(prompt):
                mixed.append(prompt)
                continue
            for share in shares:
                words = self.words(share, language(prompt.text), decide)
                mixed.append(with_words(prompt, words, share))
        if not any(is_positive_text(prompt) for prompt in prompts):
            own = [(self.words(share, ENGLISH, decide), share) for share in shares]
            mixed += [with_words(Prompt(""), words, share) for words, share in own if words]
        return mixed

    def shares(self) -> Iterator[StyleShare]:
        """Yield the shares that are not 0 all along the run."""
        artist_weights = tuple(artist.weight for artist in self.artists.values())
        style_weights = tuple(style.weight for style in self.styles.values())
        over_time = zip(*(shares(style_weights, k / 100, max) for k in range(101)), strict=True)
        on_and_off = [(True,) * any(part) + (False,) * (min(part) < 1) for part in over_time]
        for artist in [*range(len(artist_weights)), None]:
            for styles in product(*on_and_off):
                share = StyleShare(artist, styles, artist_weights, style_weights)
                if any(share(k / 100) > 1e-9 for k in range(101)):
                    yield share

    def words(self, share: StyleShare, language: str, decide: Callable[[str, str], str]) -> str:
        """Return the words of the share's artist and styles, wildcards decided."""
        artists, styles = list(self.artists.items()), list(self.styles.items())
        chosen: list[tuple[str, Artist | Style]] = []
        if share.artist is not None:
            chosen.append(artists[share.artist])
        chosen += [style for style, on in zip(styles, share.styles, strict=True) if on]
        return joined([decide(preset.text(language), name) for name, preset in chosen], language)


def shares(
    weights: Sequence[Schedule], progress: float, total: Callable[[list[float]], float]
) -> list[float]:
    """Return the weights at `progress`, divided by their total (sum or max) if it exceeds 1."""
    values = [weight(progress) for weight in weights]
    divisor = max(1.0, total(values)) if values else 1.0
    return [value / divisor for value in values]


def is_positive_text(prompt: Prompt) -> bool:
    """Return whether the prompt is a text that has a positive weight at some time."""
    return not prompt.image and any(prompt.at(k / 100) > 0 for k in range(101))


def with_words(prompt: Prompt, words: str, share: StyleShare) -> Prompt:
    """Return the prompt with words appended and its weight multiplied by the share."""
    text = joined([prompt.text, words], language(prompt.text)) if words else prompt.text
    if not share.constant:
        return replace(prompt, text=text, weight=SharedWeight(prompt.weight, share))
    part = share(0.0)
    return replace(prompt if part == 1 else scaled(prompt, part), text=text)


def joined(parts: Sequence[str], language: str) -> str:
    """Return the parts that are not empty, joined by the language's comma."""
    comma = "，" if language == CHINESE else ", "
    given = [part.strip() for part in parts if part.strip()]
    return comma.join([part.rstrip(STOPS) or part for part in given[:-1]] + given[-1:])
