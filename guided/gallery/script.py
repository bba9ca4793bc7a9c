"""Data in a file that a page loads with a <script>, because fetch() cannot read local files.

The file calls one function with one string, so that no data are ever run as a program.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from guided.runs import files
from guided.untrusted.regular_files import read_bytes

DATA = "gallery-data.js"
VERSION = 2  # of the data's format
LARGEST = 1 << 30  # bytes
CALL = "guidedGallery"
# Escaped, so that the data are safe inside a page, and where browsers end lines at U+2028.
UNSAFE = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def dumps(data: Any) -> str:
    """Return the line that passes the data to the page."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = json.dumps(text, ensure_ascii=False)
    for character, escape in UNSAFE.items():
        text = text.replace(character, escape)
    return f"{CALL}({text})\n"


def save(path: Path, data: Any) -> None:
    """Write the data, unless the file has them already."""
    new = dumps(data).encode("utf-8", "replace")
    if read(path) != new:
        files.write(path, new)


def read(path: str | Path) -> bytes | None:
    """Return the content of a regular file; None if there is none, and for a link."""
    try:
        return read_bytes(path, LARGEST, follow=False)
    except OSError:
        return None


def load(path: Path) -> Any:
    """Return the data that `save` wrote; None if they cannot be read."""
    line = (read(path) or b"").removesuffix(b"\n")
    try:
        return json.loads(json.loads(line[len(CALL) + 1 : -1])) if is_call(line) else None
    except (ValueError, RecursionError):
        return None


def is_call(line: bytes) -> bool:
    """Return whether a line only calls our function with one string, so that it is no program.
    String methods are ten times as fast as a regular expression: exactly two quotes, at the ends
    of the argument, are not escaped."""
    bare = line.replace(b"\\\\", b"..").replace(b'\\"', b"..")
    return (
        bare.startswith(b'%s("' % CALL.encode())
        and bare.endswith(b'")')
        and bare.count(b'"') == 2
        and b"\n" not in bare
    )


def is_data(path: str | Path) -> bool:
    """Return whether a file has only data: one that came with a folder may be a program."""
    return is_call((read(path) or b"").removesuffix(b"\n"))


def link(path: str) -> str:
    """Return a relative path as a percent-encoded address, without a scheme or a host."""
    return quote(path.encode("utf-8", "surrogateescape"))
