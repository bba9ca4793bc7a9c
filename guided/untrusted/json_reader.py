"""Reading untrusted JSON as programs and people write it: with comments (//, /* */, #), a comma
before a closing bracket, and Python's True, False and None."""

import json
import re
from typing import Any

from guided.errors import shown

LONGEST = 2**22  # characters of JSON that is no strict JSON, which is read more slowly
# A string, a comment, a bracket's spare comma or a constant of Python's; unclosed ones to the end.
PART = re.compile(
    r'(?P<string>"(?:[^"\\]|\\.)*+"?)|(?P<comment>//[^\n]*|\#[^\n]*|/\*(?:.*?\*/|.*))'
    r"|(?P<word>\b(?:True|False|None)\b)",
    re.DOTALL,
)
SPARE = re.compile(r'(?P<string>"(?:[^"\\]|\\.)*+"?)|,(?=\s*[\]}])', re.DOTALL)
WORDS = {"True": "true", "False": "false", "None": "null"}


class Repeated(ValueError):
    """A mapping that has a key twice."""


def read(text: str, unique: bool = False) -> Any:
    """Return the data of JSON. Raise ValueError that names line and column if it is none, nested
    too deep, or has too large a number in it. A mapping's last key of a name counts; with `unique`
    there may be one only, else Repeated is raised."""
    hook = once if unique else None
    try:
        return json.loads(text, object_pairs_hook=hook)
    except Repeated:
        raise
    except (ValueError, RecursionError) as error:
        if len(text) > LONGEST or not isinstance(error, json.JSONDecodeError):
            raise ValueError(reason(error)) from error
    plain = SPARE.sub(lambda part: part["string"] or " ", strict(text))
    try:
        return json.loads(plain, object_pairs_hook=hook)
    except Repeated:
        raise
    except (ValueError, RecursionError) as error:
        raise ValueError(reason(error)) from error


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a mapping. Raise Repeated for a key that it has twice."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise Repeated(f"{shown(repr(key))} stands there twice")
        found[key] = value
    return found


def strict(text: str) -> str:
    """Return JSON with blanks in place of comments, so that lines and columns stay, and with
    JSON's own constants."""
    return PART.sub(replacement, text)


def replacement(part: re.Match[str]) -> str:
    """Return what stands in place of a string, a comment or a constant."""
    if part["string"]:
        return part[0]
    return WORDS.get(part[0]) or re.sub(r"[^\n]", " ", part[0])


def reason(error: Exception) -> str:
    """Return the reason why a text is no JSON, with its line and column."""
    if isinstance(error, json.JSONDecodeError):
        message = error.msg[0].lower() + error.msg[1:]
        return f"line {error.lineno}, column {error.colno}: {message}"
    return "nested too deep" if isinstance(error, RecursionError) else "too large a number"


def looks_like(text: str) -> bool:
    """Return whether a text begins as JSON does, and not as YAML."""
    begun = strict(text[:10_000]).lstrip("\ufeff \t\r\n")
    return re.match(r'\{\s*["}]|\[\s*["{\[\]]', begun) is not None
