"""Python's values as overrides, and overrides that anyone may have written made harmless."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote

from guided.config.overrides import Override, in_quotes, parse, parse_all, raws
from guided.config.schema import having
from guided.errors import BadInput
from guided.runs.manifest import Row
from guided.untrusted import interpolation


def typed(name: str, value: Any, quote: Quote = Quote.single) -> Override:
    """Return the override that gives a setting this value: prose as it is, all else in Hydra's
    grammar, with texts in such quotes. Choices of a group may be a text, `[draft,sepia]`."""
    if isinstance(value, str):
        plain = parse(f"{name}={value}")
        if name in having("group") and isinstance(plain.value, list):
            return plain
        if not plain.swept and plain.hydra is not None:
            reading = plain.hydra.value()
            if isinstance(reading, str) and str(reading) == interpolation.escaped(value):
                return plain
    return parse(f"{name}={spelt(value, quote)}")


def spelt(value: Any, quote: Quote = Quote.single) -> str:
    """Return a Python value in Hydra's grammar. Raises BadInput for a mapping with keys that the
    grammar cannot write."""
    if isinstance(value, str | Path):
        return in_quotes(interpolation.escaped(str(value)), quote)
    return spelt_parts(value, partial(spelt, quote=quote))


def spelt_parts(value: Any, inner: Callable[[Any], str]) -> str:
    """Return a value that is no text in Hydra's grammar, its items spelt by `inner`."""
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key_of(key)}:{inner(inside)}' for key, inside in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(inner, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def key_of(key: Any) -> str:
    """Return a mapping's key in Hydra's grammar, or raise BadInput."""
    if not re.fullmatch(r"[A-Za-z_]\w*|\d+(\.\d+)?%?", str(key), re.ASCII):
        raise BadInput(f"{{{key}: ...}} has a key that is neither a name nor a number")
    return str(key)


def untrusted(override: Override, references: bool = False) -> Override:
    """Return an override that anyone may have written, with nothing in it that is looked up
    elsewhere; `references` to other settings may stay, except in prose."""
    if "$" not in override.raw:  # `${` may be spelt `$\\{`
        return override
    key, text = override.key, override.text or ""
    if override.hydra is None or override.swept or "${" in key:
        quoted = in_quotes(interpolation.escaped(text))
        return parse(f"{key.replace('${', '')}={quoted}")
    value = override.value
    safe = interpolation.inert(value, references and not override.is_prose)
    return override if safe == value else parse(f"{key}={spelt_inert(safe)}")


def spelt_inert(value: Any) -> str:
    """Return a value, whose texts are escaped already, in Hydra's grammar."""
    return in_quotes(value) if isinstance(value, str) else spelt_parts(value, spelt_inert)


def trusted_row(row: Row) -> Row:
    """Return the row of a manifest with its words as `trusted_words`."""
    return replace(row, words=raws(trusted_words(parse_all(row.words))))


def trusted_words(overrides: Iterable[Override]) -> list[Override]:
    """Return the overrides of a manifest, which anyone may have written, without Hydra's own
    settings and with no look-up but of other settings."""
    return [untrusted(one, references=True) for one in overrides if not one.is_hydras]
