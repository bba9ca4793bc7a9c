"""artist= and look=: the files of the presets, the names and weights by which they are chosen, and
the tables that artist=list and look=list print.

conf/artist and conf/look, and the user's own folder, are read as plain YAML, not through Hydra: a
table of two hundred presets must not take long.
"""

import re
import shutil
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from guided import console
from guided.config import choices
from guided.config.defaults import completed
from guided.errors import BadInput, nearest, printable, shown
from guided.paths import program
from guided.prompts import lists
from guided.prompts.prompt import split_weight
from guided.text import CHINESE, ENGLISH, split, unquoted
from guided.untrusted import yaml_reader

GROUPS = ("artist", "look")
LIST = "list"


@dataclass(frozen=True)
class Preset:
    """The description that a preset has in its file, for people and wildcards."""

    choice: str  # how it is chosen
    says: dict[str, Any]  # the settings of its Artist or Style; none where it only sets others
    about: str  # its first comment, without the command

    def name(self, language: str) -> str:
        """Return its name in a language; in English, or as it is chosen, if it has none."""
        names = self.says.get("name") or {}
        return str(names.get(language) or names.get(ENGLISH) or self.choice)

    def called(self) -> set[str]:
        """Return the plain names by which it may be chosen: its names in both scripts, and their
        last words."""
        names = {self.choice, self.name(ENGLISH), self.name(CHINESE)}
        return {plain(called) for name in names for called in (name, re.split("[ ·]", name)[-1])}


# ---- files ---------------------------------------------------------------------------------


def presets(group: str, arguments: Sequence[str] = ()) -> list[Preset]:
    """Return the presets of the program and of the user's own folders, which `arguments` name."""
    folders = choices.folders(group, arguments)
    paths = {path.stem: path for folder in folders for path in sorted(folder.glob("*.yaml"))}
    return [read(group, path) for _, path in sorted(paths.items())]


@cache
def read(group: str, path: Path) -> Preset:
    """Return the description of a preset. Raises BadInput when the file is no YAML."""
    text = yaml_reader.text_of(path, str(path), yaml_reader.LONGEST_CONFIG)
    node = yaml_reader.read(text, str(path), aliases=True, dates=True)
    inside = node if isinstance(node, dict) else {}
    inside = inside.get(group, inside)
    says = completed(inside.get(path.stem), path.stem) if isinstance(inside, dict) else None
    return Preset(path.stem, says if isinstance(says, dict) else {}, first_comment(text))


def first_comment(text: str) -> str:
    """Return the first comment of a choice's file, without the package and the command."""
    comments = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    about = next((line for line in comments if not line.startswith("@package")), "")
    return about.split(": python")[0]


@cache
def names(kind: str, language: str, arguments: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the names of all artists, or of all styles of a kind, for wildcards; of the user's
    own folders too."""
    group = "artist" if kind == "artist" else "look"
    found = [p for p in presets(group, arguments) if kind in ("artist", p.says.get("kind"))]
    return tuple(preset.name(language) for preset in found)


# ---- what is typed -------------------------------------------------------------------------


def weighted(
    group: str, value: str, arguments: Sequence[str] = ()
) -> tuple[list[str], dict[str, float]] | None:
    """Return the choices that `[hokusai:2,van gogh]` names, each once, and the weights of those
    that have one; None for a sweep. Raises BadInput, which names the nearest, when there is no
    such preset."""
    value = lists.usual_marks(value)
    match = re.fullmatch(r"\s*(\[?)(.*?)(\]?)\s*", value, re.DOTALL)
    assert match is not None  # any text matches
    left, inner, right = match.groups()
    sweeps = "(" in inner or "[" in inner or (not left and len(split(inner)) > 1)
    if sweeps or bool(left) != bool(right):
        return None
    items = [] if not inner.strip() or (inner == "null" and not left) else split(inner)
    chosen, weights = [], {}
    for item in items:
        item = re.sub(r"\\(.)", r"\1", item)  # as Hydra writes a sweep's `hokusai:2`
        name, weight = split_weight(item)
        found = choice(group, unquoted(name), arguments)
        if found in chosen and (name != item or found in weights):
            raise BadInput(f"{group}={shown(value)}: {found} is there twice, with a weight")
        chosen.append(found)
        if name != item:
            check_says(group, found, item, arguments)
            weights[found] = weight
    return list(dict.fromkeys(chosen)), weights


def choice(group: str, typed: str, arguments: Sequence[str]) -> str:
    """Return the preset of that name in either script. Raises BadInput that names the nearest."""
    known = choices.names(group, arguments)
    if typed in known:
        return typed
    found = presets(group, arguments)
    same = [preset.choice for preset in found if plain(typed) in preset.called()]
    if len(same) == 1:
        return same[0]
    if same:
        raise BadInput(f"{group}={shown(typed)} may be {' or '.join(same)}")
    near = nearest(typed, known) or nearest(plain(typed), {n for p in found for n in p.called()})
    hint = choices.in_other_folders(group, typed, arguments) or near
    raise BadInput(f"{group}={shown(typed)} is not one of the {len(known)} of {group}=list{hint}")


def check_says(group: str, choice: str, typed: str, arguments: Sequence[str]) -> None:
    """Raise BadInput if a preset has no words that could count more or less."""
    if not any(preset.says for preset in presets(group, arguments) if preset.choice == choice):
        raise BadInput(
            f"{group}={shown(typed)}: {choice} says nothing that could count more or less"
        )


def plain(name: str) -> str:
    """Return letters and digits alone, without accents and capitals: Dürer and durer are the
    same."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in decomposed if letter.isalnum())


# ---- the tables ----------------------------------------------------------------------------


def table(group: str, arguments: Sequence[str], width: int | None = None) -> str:
    """Return a line for each preset, in columns; not wider than `width`, if given."""
    rows = sorted((row(group, preset) for preset in presets(group, arguments)), key=order)
    columns = list(zip(*rows, strict=True))
    widths = [max(map(across, column)) for column in columns]
    lines = []
    for cells in rows:
        padded = [
            cell + " " * (most - across(cell)) for cell, most in zip(cells, widths, strict=True)
        ]
        line = "  ".join(padded).rstrip()
        lines.append(line if width is None else cut(line, width))
    return "\n".join([*lines, "", *closing(group)])


def row(group: str, preset: Preset) -> tuple[str, ...]:
    """Return the cells of a preset in the table."""
    words = (preset.says.get("words") or {}).get(ENGLISH) or preset.about
    both = preset.name(ENGLISH), preset.name(CHINESE) if preset.says else ""
    if group == "artist":
        facts = [str(preset.says.get(key, "")) for key in ("years", "place")]
        return preset.choice, *both, *facts, words
    models = " ".join(f"model={name}" for name in preset.says.get("models") or [])
    kind = str(preset.says.get("kind", "")) if preset.says else "quality"
    return kind, preset.choice, *both, f"{words} ({models})" if models else words


def order(cells: tuple[str, ...]) -> tuple[str, ...]:
    """Return the key by which the rows are sorted."""
    return cells[:2]


def closing(group: str) -> list[str]:
    """Return the lines under the table: how presets are chosen."""
    first, second = ("hokusai", "turner") if group == "artist" else ("ink_wash", "serene")
    every = "glob(*)" if group == "artist" else "glob(*,exclude=[disco*,han_fav])"
    return [
        f'One: prompt="a lighthouse" {group}={first}    several: {group}=[{first}:2,{second}]',
        f"All on one prompt: {program()} -m prompt=\"a lighthouse\" seed=7 '{group}={every}'",
    ]


def across(text: str) -> int:
    """Return the columns that a text takes in a terminal: a Chinese character takes two."""
    from wcwidth import wcswidth

    return max(0, wcswidth(text))


def cut(line: str, width: int) -> str:
    """Return a line shortened to a width."""
    if across(line) <= width:
        return line
    kept, used = "", 0
    for letter in line:
        used += across(letter)
        if used > width - 1:
            break
        kept += letter
    return kept.rstrip() + "…"


def show(group: str, arguments: Sequence[str]) -> None:
    """Print the table; a terminal's lines are not wrapped, a pipe gets all of it."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    console.show(printable(table(group, arguments, width), lines=True))
