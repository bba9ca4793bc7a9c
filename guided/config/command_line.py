"""The arguments of a command line, taken apart: Hydra's flags, and the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import takewhile

from guided.config import flags as known_flags
from guided.config import other_names
from guided.config.overrides import Override, parse
from guided.config.schema import having, known_names
from guided.disco.setting_names import old_setting
from guided.errors import BadInput, nearest, shown

FLAG = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.ASCII | re.DOTALL)
ASSIGNMENT = re.compile(r"\+{0,2}(?P<name>[A-Za-z_][\w./@:-]*)=", re.ASCII)
DELETION = re.compile(r"~[\w./@:-]+(=.*)?", re.ASCII)


def read_arguments(arguments: Sequence[str]) -> tuple[list[str], list[Override]]:
    """Return Hydra's flags with their values, and the settings; bare words are the prompt.

    Bare words behind `prompt=a` are the rest of a prompt whose quotes were forgotten. Raises
    BadInput when there are bare words before it: then there are two prompts."""
    flags: list[str] = []
    words: list[str] = []
    bare: list[str] = []
    prompt: int | None = None  # its index in `words`
    wants_value = False
    for place, argument in enumerate(arguments):
        if wants_value or FLAG.fullmatch(argument):
            flags.append(argument)
            if not wants_value:
                refuse_setting_as_flag(arguments, place)
        elif is_prose(argument):
            bare.append(argument)
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
    if bare and prompt is None:
        words.append("prompt=" + " ".join(bare))
    elif bare and prompt is not None:
        words[prompt] = " ".join([words[prompt], *bare])
    return flags, [parse(word) for word in words]


def refuse_setting_as_flag(arguments: Sequence[str], place: int) -> None:
    """Raise BadInput if the flag at a place is a setting with dashes before it, or a flag or
    setting of another program."""
    flag = arguments[place].split("=")[0]
    name = flag.lstrip("-").replace("-", "_")
    if name in known_names():
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
    if (line := other_names.remark(flag, values, flag=True)) is not None:
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
    # `E=mc2, chalk` is prose; `promt=a star` is a slip, which is refused and not drawn.
    unlike = " " in argument and name not in known and not nearest(name, known, 0.7)
    return unlike and old_setting(name) is None and (len(name) == 1 or not other_names.has(name))
