"""NAME=list: the choices of a group, the words of the embedded pair, and the palettes of looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from omegaconf import OmegaConf

from guided.cli import models
from guided.config import choices, presets
from guided.config.overrides import Override, values_of
from guided.config.schema import settings
from guided.console import show, tell
from guided.errors import BadInput, printable, shown
from guided.models.cards import keep_in
from guided.paths import EMBEDDED, program
from guided.untrusted import yaml_reader

LIST = "list"
CARDS = ("model", "clip")


def asked(words: Sequence[Override], flags: Sequence[str]) -> str | None:
    """Return the name in the first NAME=list, or None. A preset of the user's own may have that
    name too, and is then meant."""
    for word in words:
        typed = (word.text or "").strip().strip("[]").strip(" \"'").lower()
        listed = word.name in OTHERS or bool(choices.folders(word.name, flags))
        if typed == LIST and listed and LIST not in choices.names(word.name, flags):
            return word.name
        if word.name == "words":
            raise BadInput(f"words={shown(typed)}: words=list is there, and nothing else")
    return None


def run(name: str, words: Sequence[Override], flags: Sequence[str]) -> None:
    """Print the list of a name that `asked` returned."""
    if name in OTHERS:
        OTHERS[name](flags)
    elif name in presets.GROUPS:
        presets.show(name, flags)
    elif name in CARDS:
        keep_in(values_of(words).get("cache"))
        models.show((name,))
    else:
        show_group(name, flags)


def show_group(group: str, flags: Sequence[str]) -> None:
    """Print a line for each choice of a group, and how one is chosen."""
    found = presets.presets(group, flags)
    width = max((len(f"{group}={one.choice}") for one in found), default=0)
    lines = [f"{f'{group}={one.choice}':<{width}}  {one.about}".rstrip() for one in found]
    traits = settings().get(group)
    if traits is not None and traits.several and len(found) > 1:
        lines.append(f"Several: {group}=[{found[0].choice},{found[1].choice}]")
    example = found[0].choice if found else "NAME"
    if group != "batch":
        lines.append(f'Each in turn: {program()} -m prompt="a lighthouse" seed=7 {group}=glob(*)')
    lines.append(f'One: {program()} prompt="a lighthouse" {group}={example}')
    show(printable("\n".join(lines), lines=True))


def show_words(flags: Sequence[str]) -> None:
    """Print the words that the embedded pair knows, by theme, in English and Chinese."""
    where = EMBEDDED / "themes.yaml"
    text = yaml_reader.text_of(where, str(where), yaml_reader.LONGEST_CONFIG)
    themes = yaml_reader.read(text, str(where))
    known = (EMBEDDED / "words.txt").read_text(encoding="utf-8").splitlines()
    named = {word for words in themes.values() for word in words}
    others = {word: "" for word in known if word not in named}
    for theme, words in (themes | ({"others": others} if others else {})).items():
        both = [f"{word} {words[word]}".rstrip() for word in words if word in known]
        tell(f"{theme}: {', '.join(both)}")
    tell(f"{len(known)} words that model=embedded knows; for all others: model=list and clip=list")


def show_palettes(flags: Sequence[str]) -> None:
    """Print the colours of the looks that have a palette, and how others are chosen."""
    for folder in choices.folders("look", flags):
        for path in sorted(folder.glob("*.yaml")):
            colours = OmegaConf.select(yaml_reader.read_config(path), "guide.palette.colours")
            if colours:
                tell(f"look={path.stem:<18} {' '.join(map(str, colours))}")
    own = """guide=[clip,range,palette] 'guide.palette.colours=["#c8102e","#fffaf0"]'"""
    tell(f'Your own: {program()} prompt="a lighthouse" {own}')


# Names that are no groups, each with the function that prints its list.
OTHERS: dict[str, Callable[[Sequence[str]], None]] = {
    "words": show_words,
    "palette": show_palettes,
}
