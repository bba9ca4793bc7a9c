"""Rows from a file of prompts: `prompts=prompts.txt`, a prompt a line.

Knows nothing about what the settings mean; imports no torch.
"""

from __future__ import annotations

from pathlib import Path

from guided.batch.manifest import Row
from guided.composing import said
from guided.errors import BadInput, not_one_of
from guided.quoting import is_grammar, parsed

MOST, LARGEST = 10_000, 16 << 20  # rows, and bytes of a file
KINDS = (".txt",)


def read(name: str) -> list[Row]:
    """The rows of a file; BadInput names the file and, where it can, the line."""
    path = Path(name).expanduser()
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise BadInput(not_one_of("the ending of prompts", path.name, KINDS))
    found = from_lines(text_of(path), path.name)
    if not found:
        raise BadInput(f"prompts={name} has no prompt in it: one a line")
    if len(found) > MOST:
        raise BadInput(f"prompts={name} has {len(found)} rows; at most {MOST} at once")
    return found


def text_of(path: Path) -> str:
    """UTF-8, with or without a mark at its beginning."""
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"prompts={path} is larger than {LARGEST >> 20} MB")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise BadInput(f"prompts={path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise BadInput(f"{path.name}:{line} is not UTF-8; save the file as UTF-8") from error


def from_lines(text: str, name: str) -> list[Row]:
    """A prompt a line, as it would be typed; empty lines and those that begin with # are none."""
    rows = []
    for number, line in enumerate(text.splitlines(), 1):
        if (line := line.strip()) and not line.startswith("#"):
            rows.append(Row([prose("prompt", line)], {"prompt": line}, f"{name}:{number}"))
    return rows


def prose(name: str, text: str) -> str:
    """A text as typed behind `name=`; what is well-formed as a list or mapping is one, but a
    sweep is a text here."""
    typed = f"{name}={text}"
    found = parsed(typed) if is_grammar(typed, text) else None
    return said(name, text) if found is None or found.is_sweep_override() else typed
