"""Python's values as one would type them, and words that anyone may have typed made harmless.

Knows nothing about what settings mean; imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from hydra.core.override_parser.types import Quote, QuotedString

from guided.config import overrides
from guided.errors import BadInput
from guided.untrusted import interpolation

HYDRAS = re.compile(r"[+~]*hydra[./=]")


def said(name: str, value: Any) -> str:
    """A Python value as one would type it: prose as it is, all else in Hydra's grammar."""
    typed = f"{name}={value}"
    if isinstance(value, str):
        found = overrides.parsed(overrides.quote_one(typed))
        if (
            found is not None
            and not found.is_sweep_override()
            and isinstance(found.value(), str)
            and str(found.value()) == overrides.escaped(value)
        ):
            return typed
    return f"{name}={spelt(value)}"


def escaped(value: Any) -> Any:
    """Every text in it escaped, for a configuration."""
    if isinstance(value, Mapping):
        return {key: escaped(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [escaped(inside) for inside in value]
    return overrides.escaped(value) if isinstance(value, str) else value


def spelt(value: Any) -> str:
    """A Python value in Hydra's grammar; BadInput for a mapping with keys that it cannot write."""
    if isinstance(value, str | Path):
        return in_quotes(overrides.escaped(str(value)))
    return spelt_parts(value, spelt)


def spelt_parts(value: Any, inner: Callable[[Any], str]) -> str:
    if isinstance(value, Mapping):
        return f"{{{','.join(f'{key_of(key)}:{inner(inside)}' for key, inside in value.items())}}}"
    if isinstance(value, list | tuple):
        return f"[{','.join(map(inner, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    return "null" if value is None else str(value)


def in_quotes(text: str) -> str:
    return QuotedString(text, Quote.single).with_quotes()


def untrusted(word: str, references: bool = False) -> str:
    """A word that anyone may have written, with nothing in it that is looked up elsewhere;
    `references` to other settings may stay, except in prose."""
    if "$" not in word:  # `${` may be spelt `$\\{`
        return word
    name, _, text = word.partition("=")
    found = overrides.parsed(overrides.quote_one(word))
    if found is None or found.is_sweep_override() or "${" in name:
        return f"{name.replace('${', '')}={in_quotes(overrides.escaped(text))}"
    value = plain_value(found.value())
    safe = interpolation.inert(value, references and name not in overrides.PROSE)
    return word if safe == value else f"{name}={spelt_inert(safe)}"


def spelt_inert(value: Any) -> str:
    return in_quotes(value) if isinstance(value, str) else spelt_parts(value, spelt_inert)


def plain_value(value: Any) -> Any:
    """As the parser of overrides has it, without the quotes that it remembers."""
    if isinstance(value, Mapping):
        return {str(getattr(key, "text", key)): plain_value(v) for key, v in value.items()}
    if isinstance(value, list):
        return [plain_value(inside) for inside in value]
    return value.text if isinstance(value, QuotedString) else value


def key_of(key: Any) -> str:
    if not re.fullmatch(r"[A-Za-z_]\w*|\d+(\.\d+)?%?", str(key), re.ASCII):
        raise BadInput(f"{{{key}: ...}} has a key that is neither a name nor a number")
    return str(key)


def trusted_words(words: Iterable[str]) -> list[str]:
    """Of a manifest, which someone else may have written: none of Hydra's own, and no look-up but
    at other settings."""
    return [untrusted(word, references=True) for word in words if not HYDRAS.match(word)]
