"""The arguments of a command line, taken apart: Hydra's flags, and the settings."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from typing import NoReturn

from guided.config import flags as known_flags
from guided.config import other_names
from guided.config.composition import sizes_of, sources
from guided.config.overrides import Override, parse, refuse_twice, values_of
from guided.config.schema import having, known_names
from guided.disco.setting_names import old_setting
from guided.errors import BadInput, nearest, shown

FLAG = re.compile(r"--?[A-Za-z][\w.-]*(=.*)?", re.ASCII | re.DOTALL)
ASSIGNMENT = re.compile(r"\+{0,2}(?P<name>[A-Za-z_][\w./@:-]*)=", re.ASCII)
# `prompt＝a cat`, `—seed=5` and `seed:5`, as other keyboards and programs have it.
OTHER_SIGN = re.compile(
    r"[–—−]*(?P<name>[A-Za-z_][\w.]*)\s*(?P<sign>[=＝:：])\s*(?P<value>.*)", re.ASCII | re.DOTALL
)
NAME = re.compile(r"\+{0,2}[A-Za-z_]\w*(\.\w+)*", re.ASCII)
NUMBER = re.compile(r"[+-]?[\d.]+")
HYDRAS = re.compile(r"hydra[./](launcher|sweeper|sweep)\b")  # settings of Hydra's that may be set
DELETION = re.compile(r"~[\w./@:-]+(=.*)?", re.ASCII)


@dataclass
class Command:
    """The settings of a command line, and its flags; `launch` runs Hydra with arguments."""

    words: list[Override]
    flags: list[str]
    launch: Callable[[list[str]], None] | None = None

    @cached_property
    def values(self) -> dict[str, str]:
        """The texts of the settings by name."""
        return values_of(self.words)

    def check(self) -> None:
        """Raise BadInput for flags that do not exist, for folders of presets that are none, and
        for settings of Hydra's own, but those of launchers and sweepers."""
        known_flags.check(self.flags)
        for word in self.words:
            if word.is_hydras and not HYDRAS.match(word.name):
                raise BadInput(
                    f"{shown(word.name)} is Hydra's own; of its settings there are "
                    "hydra/launcher=, hydra/sweeper= and what is inside of these"
                )
        sources(self.flags)

    def without(self, *names: str) -> list[Override]:
        """Return the settings that have none of these names."""
        return [word for word in self.words if word.name not in names]


def read_arguments(arguments: Sequence[str]) -> tuple[list[str], list[Override]]:
    """Return Hydra's flags with their values, and the settings; bare words are the prompt.

    Bare words behind `prompt=a` are the rest of a prompt whose quotes were forgotten. Raises
    BadInput when there are bare words before it, for a setting that is given twice, and for bare
    words that are the parts of a setting with blanks in it."""
    flags: list[str] = []
    words: list[str] = []
    bare: list[str] = []
    places: list[int] = []  # of the bare words
    prompt: int | None = None  # its index in `words`
    wants_value = False
    for place, argument in enumerate(arguments):
        if argument == "--":  # what follows is no flag, as for other programs
            continue
        if wants_value or FLAG.fullmatch(argument):
            flags.append(argument)
            if not wants_value:
                refuse_setting_as_flag(arguments, place)
        elif is_prose(argument):
            other_names.check_spaced(argument)
            bare.append(argument)
            places.append(place)
        else:
            if argument.startswith("prompt="):
                if bare:
                    raise BadInput(
                        f"prompt is given twice: {' '.join(bare)!r} and {argument[7:]!r}"
                    )
                prompt = len(words)
            words.append(argument)
        wants_value = argument in known_flags.WITH_VALUE and not wants_value
    if len(bare) == 1 and prompt is None:
        other_names.check_command(bare[0])
    refuse_blanks(arguments, places, bool(words))
    if bare and prompt is None:
        words.append("prompt=" + " ".join(bare))
    elif bare and prompt is not None:
        words[prompt] = " ".join([words[prompt], *bare])
    overrides = [parse(word) for word in words]
    refuse_twice(overrides)
    return flags, overrides


def refuse_blanks(arguments: Sequence[str], places: Sequence[int], beside: bool) -> None:
    """Raise BadInput if bare words, at these places, are a setting with blanks around its equals
    sign, or another sign or none: `seed = 5`, `seed= 5`, `seed:5`, `seed 5`. `beside`: there are
    settings too."""
    bare = set(places)
    prompts = [one for k, one in enumerate(arguments) if k in bare or one.startswith("prompt=")]
    quoted = any(" " in one.strip() for one in prompts)  # so other words are no part of it
    for place in places:
        word, after = arguments[place], arguments[place + 1] if place + 1 in bare else None
        before = arguments[place - 1] if place else ""
        refuse_other_sign(word, after)
        if word.startswith("=") and place - 1 in bare and is_name(before, 0.7):
            refuse_slip(before, word[1:] or after)
        if before.endswith("=") and place - 1 not in bare and before != "prompt=":
            refuse_slip(before[:-1], word)
        if not is_name(word) or (after or "").startswith("="):
            continue
        valued = after is not None and (" " in after or NUMBER.fullmatch(after) is not None)
        first = place == places[0] and word in having("prose") and after is not None
        alone = beside and len(places) == 1
        if valued or first or alone or quoted or "." in word:
            refuse_slip(word, after)


def refuse_other_sign(word: str, after: str | None) -> None:
    """Raise BadInput if a bare word is a setting with another sign than `=` before its value, or
    with a dash or capitals before it. `after` is the next bare word."""
    match = OTHER_SIGN.fullmatch(word)
    if match is None or not is_name(name := match["name"].lower()):
        return
    value = match["value"]
    of_prompt = name in ("prompt", "negative")
    if match["sign"] in "=＝" or not value or of_prompt or NUMBER.fullmatch(value):
        refuse_slip(name, value or after)


def is_name(word: str, similarity: float = 1.0) -> bool:
    """Return whether a word is, or is as similar as that to, the name of a setting."""
    root = word.lstrip("+").split(".")[0]
    inside = NAME.fullmatch(word) is not None
    return inside and (root in known_names() or bool(nearest(root, known_names(), similarity)))


def refuse_slip(name: str, value: str | None) -> NoReturn:
    """Raise BadInput: a setting is written without blanks, as `name=value`."""
    written = other_names.assignment(name, value)
    raise BadInput(
        f"{shown(name)} stands apart from its value: a setting is written without blanks, as "
        f"{shown(written)}; if it is a word of the prompt, write all of it as prompt='...'"
    )


def refuse_setting_as_flag(arguments: Sequence[str], place: int) -> None:
    """Raise BadInput if the flag at a place is a setting with dashes before it, or a flag or
    setting of another program."""
    flag = arguments[place].split("=")[0]
    name = flag.lstrip("-").replace("-", "_")
    if name.split(".")[0] in known_names():
        value = value_of(arguments, place, name in having("prose"))
        typed = arguments[place] if value is None or "=" in arguments[place] else f"{flag} {value}"
        written = other_names.assignment(name, value)
        raise BadInput(f"{shown(typed)} is written without dashes here: {written}")
    hydras = flag in known_flags.INSTEAD and flag.startswith("--")
    if hydras or flag in known_flags.KNOWN or not other_names.has(flag):
        return
    values: dict[str, str | None] = {flag: None}
    for one, argument in enumerate(arguments):
        if FLAG.fullmatch(argument):
            one_flag = argument.split("=")[0]
            values[one_flag] = value_of(arguments, one, other_names.is_prose(one_flag))
    words = [parse(one) for one in arguments if not FLAG.fullmatch(one) and not is_prose(one)]
    if (line := other_names.remark(flag, values, sizes_of(words, ()), flag=True)) is not None:
        raise BadInput(line)


def value_of(arguments: Sequence[str], place: int, prose: bool) -> str | None:
    """Return the value of the flag at a place: behind its equals sign, or the next word, all that
    follow if it is `prose`; None if there is none."""
    _, equals, inside = arguments[place].partition("=")
    if equals:
        return inside
    rest = list(takewhile(is_value, arguments[place + 1 :]))
    return " ".join(rest if prose else rest[:1]) or None


def is_value(argument: str) -> bool:
    """Return whether a word behind a flag is its value, and no flag or setting."""
    return FLAG.fullmatch(argument) is None and is_prose(argument)


def is_prose(argument: str) -> bool:
    """Return whether it is neither the name of a setting and `=`, nor `~name`."""
    if argument.startswith("~"):
        return DELETION.fullmatch(argument) is None
    match = ASSIGNMENT.match(argument)
    if match is None:
        return True
    name = re.split(r"[./@:]", match["name"])[0]
    known = known_names()
    # `E=mc2, chalk` is prose; `promt=a star` is a slip, which is refused and not drawn. Capitals
    # alone are told by refuse_other_sign, with the value.
    similar = name.lower() not in known and nearest(name, known, 0.7)
    unlike = " " in argument and name not in known and not similar
    return unlike and old_setting(name) is None and (len(name) == 1 or not other_names.has(name))
