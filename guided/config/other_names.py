"""Names of settings and flags of other programs, for messages to those who type them.

other_names.yaml has them by their meaning here. A name is compared without capitals, dashes and
underscores, but for one of a single letter.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from guided.config import choices
from guided.config.schema import having
from guided.errors import BadInput, is_number, shown
from guided.generators.sizes import Sizes

DATA = Path(__file__).parent / "other_names.yaml"
SIDES = ("width", "height")
LISTS = (*SIDES, "shape", "sampler", "style")  # entries that are lists of names
NUMBER = re.compile(r"\d+(\.\d+)?")


@cache
def data() -> dict[str, Any]:
    """Return the content of other_names.yaml."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


def key(name: str) -> str:
    """Return a name as it is compared."""
    name = name.lstrip("-")
    return name if len(name) == 1 else re.sub(r"[\W_]", "", name).lower()


@cache
def meanings() -> dict[str, tuple[str, str]]:
    """Return, by name, the kind of entry of other_names.yaml and the setting or text there."""
    by_text = {kind: data()[kind] for kind in ("same", "instead", "missing")}
    entries = [(kind, text, names) for kind in by_text for text, names in by_text[kind].items()]
    entries += [(kind, kind, data()[kind]) for kind in LISTS]
    return {key(name): (kind, text) for kind, text, names in entries for name in names}


def has(name: str) -> bool:
    """Return whether another program has a setting of that name."""
    return not re.search("[./@:]", name) and key(name) in meanings()


def remark(
    name: str, values: Mapping[str, str | None], sizes: Sizes | None = None, flag: bool = False
) -> str | None:
    """Return the equivalent of another program's setting or flag, with its value; None if it is
    none. `values`: the texts of everything that was typed, by name; `sizes`: what the model that
    is chosen draws, None if that cannot be found."""
    if not has(name):
        return None
    kind, text = meanings()[key(name)]
    value = values.get(name)
    typed = name if value is None else f"{name}{' ' if flag else '='}{value}"
    if kind == "missing":
        return f"{shown(typed)} is not here (yet): there is no {text}"
    written = {
        "same": lambda: assignment(text, value),
        "shape": lambda: shape(value, sizes),
        "sampler": lambda: sampler(value),
        "style": lambda: style(value),
        "instead": lambda: filled(text, value),
    }.get(kind, lambda: size(values, sizes))()
    if flag:
        return f"{shown(typed)} is not a flag of this program; {it_is(kind)}{written}"
    if it_is(kind):
        return f"{shown(typed)} is {written} here"
    return f"{shown(typed)}: {written}"


def it_is(kind: str) -> str:
    """Return the words before a setting that has the same meaning; empty for other kinds."""
    return "it is " if kind in ("same", *SIDES) else ""


def choice(group: str, name: str) -> str | None:
    """Return a line for a sampler or model of other programs that is chosen here; None if it is
    none of these."""
    if group == "sampler" and any(named(name, kind) for kind in ("samplers", "near")):
        return f"sampler={shown(name)}: {sampler(name)}"
    if group == "model" and key(name).startswith(tuple(data()["latent"])):
        return (
            f"model={shown(name)} is not here: of latent diffusion there are model=sd15 and "
            "model=sd21_base, and model=PATH takes a .safetensors file, or a folder of diffusers, "
            "of Stable Diffusion 1 and 2"
        )
    return None


def assignment(name: str, value: str | None) -> str:
    """Return a setting as it is typed in a shell."""
    return f"{name}={shlex.quote(shown(value)) if value else 'VALUE'}"


def filled(text: str, value: str | None) -> str:
    """Return a text with the value in it, if that is a number."""
    number = value if value is not None and NUMBER.fullmatch(value) else None
    return text.replace("{value}", number or ("0" if "cuda:" in text else "2"))


def size(values: Mapping[str, str | None], sizes: Sizes | None) -> str:
    """Return size= with the width and the height that were typed, in whatever names; a smaller one
    that is enlarged if that is far above the model's."""
    typed: dict[str, str] = {}
    for name, value in values.items():
        kind = meanings().get(key(name), ("", ""))[0]
        if kind in SIDES and value and NUMBER.fullmatch(value):
            typed[kind] = value
    numbers = [round(float(typed[side])) for side in SIDES if side in typed]
    both, more = (numbers[0], numbers[-1]) if numbers else (0, 0), ""
    if sizes and sizes.is_far_above(both):
        drawn, times = sizes.enlarged(both)
        typed = {side: str(k) for side, k in zip(SIDES, drawn, strict=True) if side in typed}
        more = f" output.still.enlarge={times}"
    width, height = (typed.get(side, side.upper()) for side in SIDES)
    return f"size=[{width},{height}]{more}"


def shape(value: str | None, sizes: Sizes | None) -> str:
    """Return the setting of a shape such as 16:9, with an example of about as many pixels as the
    usual size has."""
    sides = [float(side) for side in re.findall(r"\d+(?:\.\d+)?", value or "")][:2]
    if sizes is None or len(sides) < 2 or not 0.1 <= sides[0] / (sides[1] or 1e-9) <= 10:
        return "size=[WIDTH,HEIGHT] sets both sides"
    width, height = sizes.shaped((sides[0], sides[1]))
    return f"size=[WIDTH,HEIGHT] sets both sides, as in size=[{width},{height}]"


def sampler(value: str | None) -> str:
    """Return sampler= with the sampler here that is the same or the nearest."""
    if value is None:
        return "sampler=NAME is the sampler here; sampler=list has the names"
    if (same := named(value, "samplers")) is not None:
        return f"it is sampler={same} here"
    if (near := named(value, "near")) is not None:
        return f"sampler={near} is the nearest here; sampler=list has the others"
    return f"the samplers here are {', '.join(choices.names('sampler'))}; sampler=NAME"


def named(value: str, kind: str) -> str | None:
    """Return our name of a sampler in a table of other_names.yaml, or None."""
    plain = key(value.replace("+", "p"))
    return next((ours for ours, names in data()[kind].items() if plain in map(key, names)), None)


def style(value: str | None) -> str:
    """Return look= or artist= with the preset of that name, or how the names are found."""
    plain = key(value or "")
    found = [
        f"{group}={name}"
        for group in ("look", "artist")
        for name in choices.names(group)
        if plain and plain == key(name)
    ]
    if found:
        return f"it is {found[0]} here"
    return "look=NAME or artist=NAME sets a style; look=list and artist=list have the names"


def check_settings(
    unknown: Iterable[str], values: Mapping[str, str | None], sizes: Callable[[], Sizes | None]
) -> None:
    """Raise BadInput for the first of the `unknown` settings that is one of another program.
    `values`: the texts of everything that was typed, by name; `sizes` finds what is drawn."""
    for name in filter(has, unknown):
        if (line := remark(name, values, sizes())) is not None:
            raise BadInput(line)


def check_spaced(text: str) -> None:
    """Raise BadInput for a bare text such as `cfg scale=7`, which begins with the name of a
    setting of another program that has blanks in it."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if equals and " " in name and (line := remark(name, {name: value.strip()})) is not None:
        raise BadInput(line)


def check_command(word: str) -> None:
    """Raise BadInput if a word is a command, and no prompt when it stands alone."""
    commands = data()["commands"]
    if (plain := word.lower()) in commands:
        told = commands[plain] or meanings()[plain][1]
        raise BadInput(f"{word}: {told}; to draw the word: prompt={word}")


def flags_in(text: str, sizes: Sizes) -> Iterator[str]:
    """Yield a remark on each flag of another program, such as --ar 16:9, in a prompt's text.
    `sizes`: those that the model draws."""
    for found in re.finditer(r"(?<!\S)(--[A-Za-z]\w*)((?:(?!\s--).)*)", text, re.DOTALL):
        value = found[2].strip() if is_prose(found[1]) else (found[2].split() or [""])[0]
        if (line := remark(found[1], {found[1]: value or None}, sizes, flag=True)) is not None:
            yield line


def is_prose(name: str) -> bool:
    """Return whether a name is one of another program for the prompt or the negative prompt."""
    return has(name) and meanings()[key(name)][1] in having("prose")


def text_of(value: Any) -> str | None:
    """Return the text of a value; None for nothing."""
    if value is None or isinstance(value, str):
        return value
    return f"{value:g}" if is_number(value) and value == value // 1 else str(value)
