"""Prose on the command line, past Hydra's grammar unharmed.

Hydra reads commas, colons, brackets and everything outside ASCII as grammar, and artists type
prose, so prose is quoted before Hydra looks. Knows nothing about what a prompt means; imports no
torch.
"""

import logging
import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from guided.config.schema import known_names
from guided.disco.setting_names import old_setting
from guided.errors import BadInput, nearest, shown
from guided.prompts.prompt import KEYS
from guided.runs.metadata import whole
from guided.untrusted import interpolation
from guided.untrusted.typed_paths import expand

log = logging.getLogger(__name__)
PROSE = ("prompt", "negative", "image_prompt")
# Hydra's flags that take the next word as their value.
TAKES_VALUE = {
    *("--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd"),
    *("--cfg", "-c", "--package", "-p", "--info", "-i"),
}
DEEPEST = 40  # lists and mappings in each other
FLAG = re.compile(r"--?[A-Za-z][\w-]*(=.*)?", re.ASCII | re.DOTALL)
OVERRIDE = re.compile(r"\+{0,2}(?P<name>[A-Za-z_][\w./@:-]*)=", re.ASCII)
DELETION = re.compile(r"~[\w./@:-]+(=.*)?", re.ASCII)


def quote(arguments: Sequence[str]) -> list[str]:
    """The command line with bare words made into `prompt=` and prose quoted for Hydra."""
    flags, words = apart(arguments)
    # Flags first: Hydra's own parser stops at an override behind a flag behind an override.
    return flags + [quote_one(word) for word in words]


def apart(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Hydra's flags with their values, and the words: `name=value` as typed, bare ones made into
    `prompt=`.

    Bare words behind `prompt=a` are the rest of a prompt whose quotes were forgotten. BadInput
    when there are bare words before it: then there are two prompts."""
    flags: list[str] = []
    words: list[str] = []
    bare: list[str] = []
    said: int | None = None  # where in `words` the prompt stands
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
                        f"prompt is said twice: {' '.join(bare)!r} and {argument[7:]!r}"
                    )
                said = len(words)
            words.append(argument)
        wants_value = argument in TAKES_VALUE and not wants_value
    if bare and said is None:
        words.append("prompt=" + " ".join(bare))
    elif bare and said is not None:
        words[said] = " ".join([words[said], *bare])
    return flags, words


def refuse_setting_as_flag(argument: str) -> None:
    name = argument.lstrip("-").split("=")[0]
    if name in known_names():
        raise BadInput(f"{argument} is written without dashes here: {name}=value")


def is_prose(argument: str) -> bool:
    """Not the name of a setting and `=`, nor `~name`."""
    if argument.startswith("~"):
        return DELETION.fullmatch(argument) is None
    found = OVERRIDE.match(argument)
    if found is None:
        return True
    name = re.split(r"[./@:]", found["name"])[0]
    known = known_names()
    # `E=mc2, chalk` is prose; `promt=a star` is a slip, to be told and not to be drawn.
    unlike = " " in argument and name not in known and not nearest(name, known, 0.7)
    return unlike and old_setting(name) is None


def name_of(word: str) -> str:
    """`+guide.clip.scale=3` -> guide.clip.scale"""
    return re.split(r"[=@]", word.lstrip("+~"))[0]


def quote_one(argument: str) -> str:
    """One override with its value quoted, if it is prose or Hydra cannot read it as it is."""
    key, equals, value = argument.partition("=")
    if key in PROSE:  # and not in paths, which may be no UTF-8
        argument, value = whole(argument), whole(value)
    if key == "folder":
        value = str(expand("folder", value)) if value.startswith("~") else value
        argument = f"{key}={value}"
    readable = is_grammar(argument, value) if key in PROSE else parsed(argument) is not None
    if not equals or readable:
        return argument
    if value.startswith(("[", "{")) and depth(value) > DEEPEST:
        raise BadInput(f"{key}={shown(value)}: brackets more than {DEEPEST} deep")
    if key in PROSE:
        warn_of_broken_list(value)
    return f"{key}={QuotedString(escaped(value), Quote.single).with_quotes()}"


def escaped(text: str) -> str:
    """A dollar and a brace in prose are no interpolation: OmegaConf wants them escaped.
    ??? would be "missing" to it; the blank behind it is stripped again when it is read."""
    return text + " " if text == "???" else interpolation.escaped(text)


def is_grammar(argument: str, value: str) -> bool:
    """Did the writer mean Hydra's grammar: a quoted text, a list, a sweep of these, or null?"""
    if value == "null":
        return True
    found = parsed(argument) if value.startswith(("'", '"', "[", "{", "choice(")) else None
    if found is None:
        return False
    if value.startswith("{"):
        return not found.is_sweep_override() and is_mapping(found.value())
    if found.is_sweep_override() and not value.startswith("choice("):
        # `"quoted", he said` is a sentence; `"one","two"` is a sweep.
        meant = getattr(found.value(), "list", [])
        return bool(meant) and all(isinstance(item, QuotedString | list) for item in meant)
    return True


def is_mapping(value: Any) -> bool:
    """{text: fog, weight: 2} or {0: a seed, 0.5: a tree}, and not `{curly} prose`."""
    if not isinstance(value, dict):
        return False
    keys = {str(getattr(key, "text", key)) for key in value}
    return bool(keys & KEYS) or all(re.fullmatch(r"[\d.]+%?", key) for key in keys)


def warn_of_broken_list(value: str) -> None:
    """`["fog", "mist"` is a slip of the pen rather than a sentence."""
    if re.match(r"\[\s*[\"']", value):
        log.warning("%s looks like a list but is not well-formed; it is drawn as one text", value)


@lru_cache(4096)  # the parser is slow, and a batch asks it the same of row after row
def parsed(argument: str) -> Override | None:
    """Return what Hydra's grammar reads; None if it is not of that grammar, or nested so deep that
    its parser, which is recursive, would take minutes or fail."""
    if depth(argument) > DEEPEST:
        return None
    try:
        return OverridesParser.create().parse_override(argument)
    except (HydraException, ValueError, RecursionError):
        return None


def depth(text: str) -> int:
    """Return how many brackets are open at once, at most."""
    opened = (1 if letter in "([{" else -1 if letter in ")]}" else 0 for letter in text)
    return max(accumulate(opened), default=0)
