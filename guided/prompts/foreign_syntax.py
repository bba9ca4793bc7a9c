"""Notes on words of other programs in prompts, which are plain text here: foreign_syntax.yaml.

Imports no torch.
"""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from guided.errors import shown
from guided.prompts.wildcard_syntax import apart

DATA = Path(__file__).parent / "foreign_syntax.yaml"
LONGEST = 10_000  # characters of a prompt that are looked at
MOST = 6  # notes on one prompt
WHOLE = re.compile(
    r"\s*(\[[^\[\]]*\]|\{(?![^{}]*\b(text|image|weight|clips|from|until)\b)[^{}|]*:[^{}|]*\})\s*"
)


@dataclass(frozen=True)
class Row:
    """A row of the table; its fields are explained at the top of the file."""

    syntax: str
    about: str
    parts: str = ""
    choices: bool = False


@cache
def rows() -> tuple[tuple[re.Pattern[str], Row], ...]:
    """Return the rows of the table with their regular expressions compiled."""
    data = yaml.safe_load(DATA.read_text(encoding="utf-8"))
    return tuple((re.compile(fields["syntax"]), Row(**fields)) for fields in data)


def notes(text: str) -> list[str]:
    """Return what a prompt has that means something in other programs and is text here, a note
    for each. None of a text that is a list or mapping in form, which is warned of as such."""
    if WHOLE.fullmatch(text[:LONGEST]):
        return []
    inside, outside = apart(text[:LONGEST])
    found: list[str] = []
    taken: list[tuple[int, int]] = []
    for pattern, row in rows():
        match = pattern.search(inside if row.choices else outside)
        if match is None:
            continue
        start, end = match.span()
        if not row.choices:
            if any(start < last and first < end for first, last in taken):
                continue
            taken.append((start, end))
        found.append(f"{shown(match[0].strip())}, which {row.about}{suggestion(text, row)}")
    return found[:MOST]


def suggestion(text: str, row: Row) -> str:
    """Return the list of the prompts that a row says are parted, for the end of its note."""
    parts = [part for part in re.split(row.parts, text) if part.strip()] if row.parts else []
    if len(parts) < 2 or any(set(part) & set("\"'{}") for part in parts):
        return ""
    listed = ", ".join(f'"{part.strip()}"' for part in parts)
    return f": prompt='[{listed}]'" if len(listed) < 400 else ""
