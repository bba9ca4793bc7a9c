"""One-line messages for whatever goes wrong."""

import os
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hydra.errors import HydraException, MissingConfigException
from omegaconf.errors import (
    InterpolationKeyError,
    InterpolationResolutionError,
    OmegaConfBaseException,
)
from yaml import YAMLError

from guided.config import choices, other_names, schema
from guided.config.composition import compose, sizes_of
from guided.config.overrides import Override, parse_all, refuse_twice
from guided.config.unknown import unknown_setting
from guided.config.values import typed
from guided.disco.setting_names import old_choice
from guided.errors import (
    BadInput,
    Failed,
    NoRoom,
    Untold,
    decimal_point,
    nearest,
    not_one_of,
    printable,
    shown,
)
from guided.untrusted import allowed_files

# Exceptions for bad input; of those of the system, for paths that may not be opened.
MOST = 20  # choices that a message names
THOUSANDS = re.compile(r"[1-9]\d{0,2}(,\d{3})+")  # 1,000
SWEEP = "; a sweep over them needs -m"
FOREIGN = (".gguf", ".onnx", ".zip", ".tflite", ".engine", ".pkl", ".h5", ".msgpack")  # weights
BAD = (
    *(BadInput, HydraException, OmegaConfBaseException, YAMLError),
    *(PermissionError, NotADirectoryError),
)


def words_for(text: Any, words: Sequence[str], settings: Mapping[str, Any]) -> list[Override]:
    """Return a prompt and settings given as Python values as one would type them, behind words
    that are typed. Raises BadInput for one that does not exist or is given twice."""
    unknown = [name for name in settings if name not in schema.known_names()]
    if unknown:
        values = {name: other_names.text_of(value) for name, value in settings.items()}
        known = [typed(name, value) for name, value in settings.items() if name not in unknown]
        given = [*parse_all(words), *known]
        other_names.check_settings(unknown, values, lambda: sizes_of(given, ()))
        raise BadInput(unknown_setting(unknown[0]))
    every = {**settings, "prompt": text}
    overrides = [*parse_all(words), *(typed(name, value) for name, value in every.items())]
    refuse_twice(overrides)
    return overrides


@contextmanager
def as_bad_input() -> Iterator[None]:
    """Raise whatever is wrong with the settings inside the block as BadInput, in one line."""
    try:
        yield
    except BAD as error:
        raise BadInput(say(error)) from error


def say(error: Exception) -> str:
    """Return one printable line that names the setting, the value and the allowed values."""
    return printable(reason(error))


def say_of_row(where: str, error: Exception) -> str:
    """Return the line of `say` behind the place of a row, which no -m can sweep; that is empty for
    a row of the command line."""
    return f"{where}: {say(error).removesuffix(SWEEP)}" if where else say(error)


def reason(error: Exception) -> str:
    """Return the message of an error, which may have several lines."""
    if isinstance(error, Untold):
        return error.told(reason(error.error))
    if isinstance(error, BadInput | Failed | NoRoom):
        return str(error)
    if isinstance(error, MissingConfigException):
        group, choice = group_and_choice(str(error.missing_cfg_file))
        if ours := old_choice(group, choice):
            return f"{group}={choice} is {group}={ours} here"
        if line := other_names.choice(group, choice):
            return line
        hint = choices.in_other_folders(group, choice, sys.argv)
        known = list(error.options or choices.names(group, sys.argv))
        if len(known) > MOST:
            about = f"is not one of the {len(known)} of {group}=list"
            if choice.lower().endswith(FOREIGN):
                about += ", and files of weights end in .pt, .pth, .ckpt, .bin or .safetensors"
            return f"{group}={shown(choice)} {about}{nearest(choice, known)}{hint}"
        return not_one_of(group, choice, known) + hint
    if isinstance(error, HydraException | OmegaConfBaseException):
        return say_hydra(error)
    if isinstance(error, YAMLError):
        return " ".join(str(error).split())
    if isinstance(error, OSError) and isinstance(error.filename, str | bytes) and error.strerror:
        where = "" if isinstance(error, BAD) else " (debug=true shows where)"
        file = os.fsdecode(error.filename)
        return f"{typed_for(file)}{file}: {error.strerror}{where}"
    kind = type(error).__name__
    return f"{kind}: {error} (debug=true shows where)"


def group_and_choice(file: str) -> tuple[str, str]:
    """Return the group, as hydra/launcher, and the choice, which may have slashes too, of a file
    of a choice."""
    group, _, choice = file.partition("/")
    if group not in schema.having("group"):
        group, _, choice = file.rpartition("/")
    return group, choice


def typed_for(file: str) -> str:
    """Return the word of the command line that names the file, or else the innermost folder of it,
    and a colon; an empty text if there is none."""
    path, found = allowed_files.absolute(Path(file)), (0, "")
    for word in sys.argv[1:]:
        for item in allowed_files.items(word.partition("=")[2] or word):
            place = allowed_files.absolute(Path(item))
            if path.is_relative_to(place):
                found = max(found, (len(place.parts), f"{shown(word)}: "))
    return found[1]


def say_hydra(error: Exception) -> str:
    """Return the message of an error of Hydra's or OmegaConf's; that of its cause where it says
    more."""
    text = str(error)
    if found := re.search(r"Ambiguous value for argument '([^=]+)=(.*)'\n", text):
        return several_values(found[1].lstrip("+"), found[2])
    if found := re.search(r"Could not append to config. An item is already at '(.+?)'", text):
        return f"+{found[1]}: it is there already, and {found[1]}=VALUE sets it"
    if found := re.search(r"Could not override '([^']+)'", text):
        return unknown_setting(found[1], compose([]), sys.argv)
    if found := re.search(r"Could not delete from config. '(.+?)'", text):
        return f"~{found[1]}: {found[1]} is not chosen, so that it cannot be left out"
    if isinstance(error, InterpolationResolutionError | InterpolationKeyError):
        return schema.explain(error)
    cause = error.__cause__
    if isinstance(cause, OmegaConfBaseException):
        return schema.explain(cause)
    if found := re.search(r"Key '([^']+)' (?:is )?not in", text):
        key = getattr(error, "full_key", None) or found[1]
        return unknown_setting(key, compose([]), sys.argv)
    if isinstance(error, OmegaConfBaseException):
        return schema.explain(error)
    inner = error.__context__  # a value of a preset: Hydra raises its own error from within
    if isinstance(inner, OmegaConfBaseException) and (found := re.match(r"In '(.+?)'", text)):
        return f"{'='.join(found[1].rsplit('/', 1))}: {schema.explain(inner)}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines else type(error).__name__


def several_values(name: str, text: str) -> str:
    """Return the message for values with commas between them where no sweep is asked for."""
    typed = f"{name}={shown(text)}"
    one = (*schema.groups(several=False), *schema.typed_as(int, float, bool))
    if name in schema.typed_as(str):
        hint = (
            f"{typed} is several values; a comma within one is quoted, \"{name}='{shown(text)}'\""
        )
    elif name in one:
        hint = f"{typed} is several values, where one is needed"
    else:
        hint = f"{typed}: several go together in brackets, {name}=[{shown(text)}]"
    if name in schema.typed_as(int) and THOUSANDS.fullmatch(text.strip()):
        one_number = text.strip().replace(",", "")
        return f"{hint}; without the comma it is {name}={one_number}{SWEEP}"
    whole = name in ("size", *schema.typed_as(int)) and text.partition(",")[2].strip("0 ")
    decimal = "" if whole else decimal_point(text)
    return f"{hint}{decimal}{SWEEP}"
