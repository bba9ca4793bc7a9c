"""Texts that say `${`, and mean it: OmegaConf reads them as they are and looks nothing up.

What comes from a file, a manifest or a record may come from anyone, and `${oc.env:TOKEN}` in it
would carry a secret into a picture. Knows nothing about what the texts mean.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

# Behind an even number of backslashes, each two of which are one, `${` is looked up.
LOOKED_UP = re.compile(r"(?<!\\)((?:\\\\)*)\$\{")
REFERENCE = re.compile(r"\$\{\.*[A-Za-z_][\w.\[\]]*\}", re.ASCII)  # to another setting


def escaped(value: Any) -> Any:
    """Return it with every text escaped, so that OmegaConf reads the text as it is now.

    `???` would be a missing value to OmegaConf, so it gets a blank behind it, which prompts are
    stripped of."""
    if value == "???":
        return value + " "
    if isinstance(value, Mapping):
        return {key: escaped(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(inside) for inside in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def inert(value: Any, references: bool = False) -> Any:
    """What OmegaConf would be given, with nothing in it that is looked up; `references` lets
    those to other settings stand, which no resolver is asked for."""
    if isinstance(value, Mapping):
        return {key: inert(inside, references) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [inert(inside, references) for inside in value]
    if not isinstance(value, str) or (references and "${" not in REFERENCE.sub("", value)):
        return value
    return LOOKED_UP.sub(r"\1\\${", value)


def forget_environment() -> None:
    """What is typed may refer to settings, but never to the environment."""
    OmegaConf.clear_resolver("oc.env")
