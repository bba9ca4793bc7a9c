"""Wildcards in prompts: {a|b} is one of the two, __artist__ a line of the list artist.txt.

They are drawn for each image from its own seed, so that image k of a run is the same alone and
among others. Imports no torch.

    {red|blue} car      {3::oak|birch}: oak three times as often      {a|{b|c}}: one in another
    {2$$red|blue|green}: two of them, "red, green"      {1-2$$ and $$red|blue}: one, or both
    __artist__          __trees/oak__: a list in a folder      __trees/*__: a line of any of them
    \\{not|a wildcard\\}      \\__nor_this\\__

This is also the syntax of the extension dynamic-prompts. Blanks around a choice do not count.

The names of conf/artist, and of the media, styles and moods in conf/look, are lists too:
__artist__, __medium__, __style__, __mood__; in Chinese within a Chinese text.

A backslash before {, } or |, or before two underscores, makes them text, and is removed.
"""

import itertools
import math
import os
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from itertools import accumulate
from pathlib import Path

from guided.errors import BadInput, nearest, shown
from guided.prompts.wildcard_syntax import (
    CHOICE,
    DEEPEST_CHOICE,
    ESCAPE,
    NAME,
    SEVERAL,
    SEVERAL_OF_LIST,
    SHARE,
    usual,
)
from guided.text import ENGLISH, language, lines_of
from guided.untrusted import allowed_files
from guided.untrusted.regular_files import MB, read_text
from guided.untrusted.typed_paths import expand, impossible, similar

LISTS = Path(__file__).parent / "words"
OF_PRESETS = ("artist", "medium", "style", "mood")
DEEPEST, LONGEST = 20, 10_000  # levels of lists in lists, and letters; beyond them is a circle
SUFFIXES = (".txt", ".TXT", ".Txt")
MOST_FOLDERS = 1000  # of lists


@dataclass(frozen=True)
class Wildcards:
    """The lists of words: those of the user's folder, then the program's."""

    folder: Path | None = None
    # Names of presets by kind ("artist", "medium", ...) and language; None: those are no lists.
    preset_names: Callable[[str, str], tuple[str, ...]] | None = None

    @classmethod
    def read(
        cls,
        folder: str | None,
        preset_names: Callable[[str, str], tuple[str, ...]] | None = None,
    ) -> "Wildcards":
        """Return the wildcards with a user's folder. Raise BadInput if it is no folder or not
        allowed."""
        if folder is None:
            return cls(preset_names=preset_names)
        path = expand("wildcards", folder)
        allowed_files.check(path)
        if not path.is_dir():
            lists = "lists are NAME.txt, a choice a line"
            raise BadInput(f"wildcards={folder} is no folder{similar(path)}; {lists}")
        return cls(path, preset_names)

    def check(self, text: str) -> None:
        """Raise BadInput if a list is missing or empty that the text names, or that a line of such
        a list names: whichever lines the seeds draw."""
        known: set[str] = set()
        left = [(name, "prompt") for name in names_in((usual(text),))]
        while left:
            name, where = left.pop()
            if name not in known:
                known.add(name)
                inside = names_in(self.words(name, where=where))
                of_list = f"the list {shown(name)}.txt of the prompt"
                left += [(inner, of_list) for inner in inside]

    def words(self, name: str, language: str = ENGLISH, where: str = "prompt") -> tuple[str, ...]:
        """Return the lines of a list, which is named `where`. Raise BadInput if it is missing or
        empty."""
        if "*" in name:
            return self.any_of(name, language, where)
        for folder in (self.folder, LISTS) if impossible(f"{name}.txt") is None else ():
            paths = [] if folder is None else [folder / f"{name}{suffix}" for suffix in SUFFIXES]
            if found := next((path for path in paths if path.is_file()), None):
                return read_list(found)
        if name in OF_PRESETS and self.preset_names is not None:
            return self.preset_names(name, language)
        known = self.names()
        raise BadInput(
            f"{where} has __{shown(name)}__, and there is no list {shown(name)}.txt"
            f"{nearest(name, known)}; "
            f"there are {', '.join(known)}"
        )

    def any_of(self, pattern: str, language: str, where: str) -> tuple[str, ...]:
        """Return the lines of all lists whose names match a pattern with `*`; BadInput if none
        do."""
        names = [name for name in self.names() if fnmatchcase(name, pattern)]
        if not names:
            raise BadInput(
                f"{where} has __{shown(pattern)}__, and no list has such a name; there are "
                f"{', '.join(self.names())}"
            )
        return tuple(word for name in names for word in self.words(name, language))

    def names(self) -> list[str]:
        """Return the names of all lists, with their folders."""
        folders = [folder for folder in (self.folder, LISTS) if folder is not None]
        files = {name for folder in folders for name in lists_in(folder)}
        return sorted(files.union(OF_PRESETS if self.preset_names else ()))

    def draw(self, text: str, seed: int, place: int | str = 0) -> str:
        """Return the text with every wildcard replaced; `place` distinguishes the texts of one
        image. Raise BadInput for a missing list, a circle of lists or too long a text."""
        # random() is promised to be the same in every version of Python; choice() is not.
        rng = random.Random(f"{seed} {place}")
        text = usual(text)
        if not (NAME.search(text) or CHOICE.search(text)):
            return ESCAPE.sub(r"\1", text)
        if len(text) > LONGEST:
            raise BadInput(f"prompt={shown(text)}: wildcards need a text below {LONGEST} letters")
        lang = language(NAME.sub("", text))
        for _ in range(DEEPEST):
            before = text
            text = self.decided(text, rng, lang)
            if text == before and NAME.search(text):  # a list that is itself
                break
            if text == before:
                return ESCAPE.sub(r"\1", text)
            if len(text) > LONGEST:
                break
        raise BadInput(f"prompt={shown(before)}: its wildcards name each other in a circle")

    def decided(self, text: str, rng: random.Random, language: str) -> str:
        """Return the text with its lists and choices replaced once. Raise BadInput for choices too
        deep in each other."""

        def of_list(match: re.Match[str]) -> str:
            bounds = SEVERAL.match(match["bounds"])
            assert bounds is not None
            return some(bounds, self.words(match["name"], language), rng)

        text = SEVERAL_OF_LIST.sub(of_list, text)
        text = NAME.sub(lambda match: pick(self.words(match["name"], language), rng), text)
        for _ in range(DEEPEST_CHOICE):
            if CHOICE.search(text) is None:
                return text
            text = CHOICE.sub(lambda match: chosen(match[1], rng), text)
        if CHOICE.search(text):
            raise BadInput(f"prompt has {{a|b}} more than {DEEPEST_CHOICE} deep in each other")
        return text


def chosen(inside: str, rng: random.Random) -> str:
    """Return the choice from the inside of {a|b} or {2$$a|b|c}."""
    several = SEVERAL.match(inside)
    choices = options(inside[several.end() :] if several else inside)
    return some(several, choices, rng) if several else pick(choices, rng)


def options(inside: str) -> tuple[str, ...]:
    """Return the alternatives between the bars of {a|b}, without surrounding blanks."""
    return tuple(option.strip() for option in re.split(r"(?<!\\)\|", inside))


def some(bounds: re.Match[str], choices: tuple[str, ...], rng: random.Random) -> str:
    """Return several different choices, as many as `bounds`, a match of SEVERAL, says. BadInput if
    there are fewer."""
    low = int(bounds["low"] or 0)
    high = int(bounds["high"] or bounds["most"] or (len(choices) if bounds["dash"] else low))
    if low > len(choices) or low > high:
        raise BadInput(
            f"prompt has {shown(bounds[0].strip())} before {len(choices)} choices, of which so "
            "many cannot be drawn; 2$$ draws two, 1-3$$ one to three"
        )
    count = low + int(rng.random() * (min(high, len(choices)) - low + 1))
    left, drawn = list(choices), []
    for _ in range(count):
        k = picked(left, rng)
        drawn.append(word_of(left.pop(k)))
    between = ", " if bounds["between"] is None else bounds["between"]
    return between.join(drawn)


def pick(choices: Sequence[str], rng: random.Random) -> str:
    """Return one of the choices at random; `3::` before one makes it three times as likely."""
    return word_of(choices[picked(choices, rng)])


def picked(choices: Sequence[str], rng: random.Random) -> int:
    """Return the index of a choice at random. BadInput if every share is 0."""
    matches = [SHARE.fullmatch(choice) for choice in choices]
    weights = [float(match["share"]) if match else 1.0 for match in matches]
    if not 0 < sum(weights) < math.inf:
        raise BadInput(
            f"prompt has {{{shown('|'.join(choices))}}}: no share is above 0 and finite"
        )
    drawn = rng.random() * sum(weights)
    return next((k for k, end in enumerate(accumulate(weights)) if drawn < end), len(choices) - 1)


def word_of(choice: str) -> str:
    """Return a choice without its share."""
    match = SHARE.fullmatch(choice)
    return match["word"].strip() if match else choice


def lists_in(folder: Path) -> Iterator[str]:
    """Yield the names of the lists in a folder, and in at most MOST_FOLDERS folders in it."""
    for place, _, files in itertools.islice(os.walk(folder), MOST_FOLDERS):
        inside = Path(place).relative_to(folder)
        yield from ((inside / name[:-4]).as_posix() for name in files if name.endswith(SUFFIXES))


@lru_cache(256)
def names_in(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of the lists that texts name, each once."""
    marked = (text for text in texts if "__" in text)
    return tuple(dict.fromkeys(match["name"] for text in marked for match in NAME.finditer(text)))


@cache
def read_list(path: Path) -> tuple[str, ...]:
    """Return the lines of a list, without empty ones and comments. Raise BadInput if it cannot be
    read or is empty."""
    try:
        lines = lines_of(read_text(path, 16 * MB))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} cannot be read as text: {reason}") from error
    words = tuple(line.strip() for _, line in lines if line.strip() and line[0] != "#")
    if not words:
        raise BadInput(f"{path} has no choice in it: one a line")
    return words
