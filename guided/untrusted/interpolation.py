"""Escaping of OmegaConf's interpolations, `${...}`, in untrusted texts.

An interpolation as `${oc.env:TOKEN}` in a file, manifest or record from anyone would write a
secret into a picture.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf

# `${` is an interpolation after an even number of backslashes, of which two stand for one.
LOOKED_UP = re.compile(r"(?<!\\)((?:\\\\)*)\$\{")
REFERENCE = re.compile(r"\$\{\.*[A-Za-z_][\w.\[\]]*\}", re.ASCII)  # to another setting


def escaped(value: Any) -> Any:
    """Return the value with its texts escaped, so that OmegaConf reads them unchanged.

    `???` is a missing value to OmegaConf: it gets a blank at its end, which prompts are stripped
    of."""
    if value == "???":
        return value + " "
    if isinstance(value, Mapping):
        return {key: escaped(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(inside) for inside in value]
    return re.sub(r"(\\*)\$\{", r"\1\1\\${", value) if isinstance(value, str) else value


def inert(value: Any, references: bool = False) -> Any:
    """Return a value for OmegaConf with its interpolations escaped; with `references` those that
    only refer to other settings remain."""
    if isinstance(value, Mapping):
        return {key: inert(inside, references) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [inert(inside, references) for inside in value]
    if not isinstance(value, str) or (references and "${" not in REFERENCE.sub("", value)):
        return value
    return LOOKED_UP.sub(r"\1\\${", value)


def forget_environment() -> None:
    """Remove the resolver of environment variables, so that no setting can refer to them."""
    OmegaConf.clear_resolver("oc.env")
