"""`key=value` words of a command line into a dataclass of settings. Knows nothing about what the
settings are for."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import TypeVar

import yaml

T = TypeVar("T")


def from_argv(kind: type[T], words: Sequence[str] | None = None) -> T:
    """Settings from `key=value` words; an unknown key or a value of another type ends the program
    with the choices."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    values = {}
    for word in sys.argv[1:] if words is None else words:
        key, equals, text = word.partition("=")
        if key in ("-h", "--help"):
            raise SystemExit(describe(kind))
        if not equals or key not in fields:
            raise SystemExit(f"{word!r} is not one of the settings.\n{describe(kind)}")
        values[key] = _typed(key, text, fields[key].default)
    return kind(**values)


def describe(kind: type) -> str:
    return "Settings: " + " ".join(
        f"{field.name}={field.default}" for field in dataclasses.fields(kind)
    )


def _typed(key: str, text: str, default: object) -> object:
    value = yaml.safe_load(text) if not isinstance(default, str) else text
    if isinstance(default, float) and isinstance(value, int):
        value = float(value)
    if isinstance(value, str) and isinstance(default, float):
        value = float(value)  # YAML 1.1 reads 1e-4 as a word
    if type(value) is not type(default):
        raise SystemExit(
            f"{key}={text}: expected a {type(default).__name__}, as in {key}={default}"
        )
    return value
