"""The arguments of a command line, taken apart: Hydra's flags, and the settings."""

from __future__ import annotations

import re
from collections.abc import Sequence

from guided.config import flags as known_flags
from guided.config.overrides import Override, parse
from guided.config.schema import known_names
from guided.disco.setting_names import old_setting
from guided.errors import BadInput, nearest

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
    for argument in arguments:
        if wants_value or FLAG.fullmatch(argument):
            flags.append(argument)
            refuse_setting_as_flag(argument if not wants_value else "")
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
    if bare and prompt is None:
        words.append("prompt=" + " ".join(bare))
    elif bare and prompt is not None:
        words[prompt] = " ".join([words[prompt], *bare])
    return flags, [parse(word) for word in words]


def refuse_setting_as_flag(argument: str) -> None:
    """Raise BadInput if it is a setting with dashes before it."""
    name = argument.lstrip("-").split("=")[0]
    if name in known_names():
        raise BadInput(f"{argument} is written without dashes here: {name}=value")


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
    return unlike and old_setting(name) is None
