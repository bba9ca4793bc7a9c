"""NAME=list: the choices of a group, the words of the embedded pair, and the palettes of looks."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from omegaconf import OmegaConf

from guided.cli import models
from guided.config import choices, presets
from guided.config.command_line import Command
from guided.config.schema import settings
from guided.console import show, tell
from guided.errors import BadInput, printable, shown
from guided.models.cards import keep_in
from guided.paths import EMBEDDED, program
from guided.prompts.lexicon import load
from guided.text import HAN
from guided.untrusted import yaml_reader

LIST = "list"
CARDS = ("model", "clip")
# The themes of words=list by Emojibase's subgroups, or by what these begin with.
THEMES = {
    "heart": "hearts 爱心",
    "sky": "sky and weather 天空",
    "place": "places 地点",
    "animal": "animals 动物",
    "plant": "plants 植物",
    "food-fruit": "fruit and vegetables 果蔬",
    "food-vegetable": "fruit and vegetables 果蔬",
    "food": "food and drink 饮食",
    "drink": "food and drink 饮食",
    "dishware": "food and drink 饮食",
    "transport": "vehicles 交通",
    "face": "faces and figures 角色",
    "body": "faces and figures 角色",
    "hand": "faces and figures 角色",
    "clothing": "clothes 衣物",
    "sport": "sports and games 运动与游戏",
    "game": "sports and games 运动与游戏",
    "event": "sports and games 运动与游戏",
    "award": "sports and games 运动与游戏",
    "music": "music 音乐",
    "musical": "music 音乐",
    "geometric": "shapes 形状",
}
OTHER_THINGS = "other things 其他物品"


def asked(command: Command) -> str | None:
    """Return the name in the first NAME=list, or None. A preset of the user's own may have that
    name too, and is then meant."""
    for word in command.words:
        typed = (word.text or "").strip().strip("[]").strip(" \"'").lower()
        listed = word.name in OTHERS or bool(choices.folders(word.name, command.flags))
        if typed == LIST and listed and LIST not in choices.names(word.name, command.flags):
            return word.name
        if word.name == "words":
            raise BadInput(f"words={shown(typed)}: words=list is there, and nothing else")
    return None


def run(name: str, command: Command) -> None:
    """Print the list of a name that `asked` returned."""
    if name in OTHERS:
        OTHERS[name](command.flags)
    elif name in presets.GROUPS:
        presets.show(name, command.flags)
    elif name in CARDS:
        keep_in(command.values.get("cache"))
        models.show((name,))
    else:
        show_group(name, command.flags)


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
    """Print the things that the embedded pair knows, by theme, in English and Chinese."""
    lexicon = load(EMBEDDED / "lexicon.tsv")
    typed: dict[str, list[str]] = {}
    for name, label in lexicon.own.items():
        typed.setdefault(label, []).append(name)
    themes: dict[str, list[str]] = {theme: [] for theme in (*THEMES.values(), OTHER_THINGS)}
    for label, entry in lexicon.entries.items():
        if entry.known and entry.is_object:
            theme = THEMES.get(entry.family) or THEMES.get(entry.family.split("-")[0])
            # What one types for a cat's face, 猫脸, is 猫.
            chinese = [name for name in typed.get(label, []) if HAN.search(name)]
            usual = chinese[1:2] if entry.zh.endswith(("脸", "头")) else chinese[:1]
            both = [lexicon.names[label][0], *(usual or chinese[:1])]
            themes[theme or OTHER_THINGS].append(" ".join(both))
    for theme, words in themes.items():
        tell(f"{theme}: {', '.join(words)}")
    count = sum(len(words) for words in themes.values())
    tell(f"{count} things that model=embedded knows; for all others: model=list and clip=list")


def show_palettes(flags: Sequence[str]) -> None:
    """Print the colours of the looks that have a palette, and how others are chosen."""
    for folder in choices.folders("look", flags):
        for path in sorted(folder.glob("*.yaml")):
            colours = OmegaConf.select(yaml_reader.read_config(path), "guide.palette.colours")
            if colours:
                tell(f"look={path.stem:<18} {' '.join(map(str, colours))}")
    own = """'guide.palette.colours=["#c8102e","#fffaf0"]'"""
    tell(f'Your own: {program()} prompt="a lighthouse" {own}')


# Names that are no groups, each with the function that prints its list.
OTHERS: dict[str, Callable[[Sequence[str]], None]] = {
    "words": show_words,
    "palette": show_palettes,
}
