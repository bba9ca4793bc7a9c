"""Wildcards in prompts: {a|b} is one of the two, __artist__ a line of the list artist.txt.

They are drawn for each image from its own seed, so that image k of a run is the same alone and
among others. Imports no torch.

    {red|blue} car      {3::oak|birch}: oak three times as often      {a|{b|c}}: one in another
    __artist__          \\{not|a wildcard\\}      \\__nor_this\\__

The names of conf/artist, and of the media, styles and moods in conf/look, are lists too:
__artist__, __medium__, __style__, __mood__; in Chinese within a Chinese text.

A backslash before {, } or |, or before two underscores, makes them text, and is removed.
"""

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from pathlib import Path

from guided.errors import BadInput, nearest, shown
from guided.text import ENGLISH, language
from guided.untrusted import allowed_files
from guided.untrusted.regular_files import MB, read_text
from guided.untrusted.typed_paths import expand, impossible

LISTS = Path(__file__).parent / "words"
OF_PRESETS = ("artist", "medium", "style", "mood")
CHOICE = re.compile(
    r"(?<!\\)\{([^{}|\\]*(?:\\.[^{}|\\]*)*(?:\|[^{}|\\]*(?:\\.[^{}|\\]*)*)+)(?<!\\)\}"
)
NAME = re.compile(r"(?<!\\)__(?P<name>[\w-]+?)__")
ESCAPE = re.compile(r"\\(__|[{}|])")
SHARE = re.compile(r"(?P<share>\d+\.?\d*|\.\d+)::(?P<word>.*)", re.DOTALL)
DEEPEST, LONGEST = 20, 10_000  # levels of lists in lists, and letters; beyond them is a circle


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
            raise BadInput(f"wildcards={folder} is no folder; lists are NAME.txt, a choice a line")
        return cls(path, preset_names)

    def words(self, name: str, language: str = ENGLISH) -> tuple[str, ...]:
        """Return the lines of a list. Raise BadInput if it is missing or empty."""
        for folder in (self.folder, LISTS) if impossible(f"{name}.txt") is None else ():
            if folder is not None and (folder / f"{name}.txt").is_file():
                return read_list(folder / f"{name}.txt")
        if name in OF_PRESETS and self.preset_names is not None:
            return self.preset_names(name, language)
        known = self.names()
        raise BadInput(
            f"prompt has __{shown(name)}__, and there is no list {shown(name)}.txt"
            f"{nearest(name, known)}; "
            f"there are {', '.join(known)}"
        )

    def names(self) -> list[str]:
        """Return the names of all lists."""
        folders = [folder for folder in (self.folder, LISTS) if folder is not None]
        files = {path.stem for folder in folders for path in folder.glob("*.txt")}
        return sorted(files.union(OF_PRESETS if self.preset_names else ()))

    def draw(self, text: str, seed: int, place: int | str = 0) -> str:
        """Return the text with every wildcard replaced; `place` distinguishes the texts of one
        image. Raise BadInput for a missing list, a circle of lists or too long a text."""
        # random() is promised to be the same in every version of Python; choice() is not.
        rng = random.Random(f"{seed} {place}")
        if len(text) > LONGEST and any(pattern.search(text) for pattern in (NAME, CHOICE)):
            raise BadInput(f"prompt={shown(text)}: wildcards need a text below {LONGEST} letters")
        lang = language(NAME.sub("", text))
        for _ in range(DEEPEST):
            before = text[:LONGEST]
            text = NAME.sub(lambda match: pick(self.words(match["name"], lang), rng), text)
            while CHOICE.search(text):
                text = CHOICE.sub(lambda match: pick(options(match[1]), rng), text)
            if text == before:
                return ESCAPE.sub(r"\1", text)
            if len(text) > LONGEST:
                break
        raise BadInput(f"prompt={shown(before)}: its wildcards name each other in a circle")


def literal(text: str) -> str:
    """Return a text from which `draw` makes this one: escaped if it has wildcards in it."""
    if any(pattern.search(text) for pattern in (NAME, CHOICE, ESCAPE)):
        return re.sub(r"__|[{}|]", r"\\\g<0>", text)
    return text


def options(inside: str) -> tuple[str, ...]:
    """Return the alternatives between the bars of {a|b}."""
    return tuple(re.split(r"(?<!\\)\|", inside))


def pick(choices: tuple[str, ...], rng: random.Random) -> str:
    """Return one of the choices at random; `3::` before one makes it three times as likely."""
    matches = [SHARE.fullmatch(choice) for choice in choices]
    weights = [float(match["share"]) if match else 1.0 for match in matches]
    drawn = rng.random() * sum(weights)
    k = next((k for k, end in enumerate(accumulate(weights)) if drawn < end), len(choices) - 1)
    match = matches[k]
    return match["word"] if match else choices[k]


@cache
def read_list(path: Path) -> tuple[str, ...]:
    """Return the lines of a list, without empty ones and comments. Raise BadInput if it cannot be
    read or is empty."""
    try:
        lines = read_text(path, 16 * MB).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} cannot be read as text: {reason}") from error
    words = tuple(line.strip() for line in lines if line.strip() and not line.startswith("#"))
    if not words:
        raise BadInput(f"{path} has no choice in it: one a line")
    return words
