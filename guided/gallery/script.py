"""Data in a file that a page loads with a <script>, because fetch() may not read files from disk.

The file calls one function with one text, so that nothing in the data is ever read as a program.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

from guided.runs import record
from guided.untrusted.regular_files import read_bytes

DATA = "gallery-data.js"
VERSION = 2  # of the data's form
LARGEST = 1 << 30  # bytes
CALL = "guidedGallery"
# So that it is safe inside a page, too, and in browsers that end lines at U+2028.
UNSAFE = {character: f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def dumps(data: Any) -> str:
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    text = json.dumps(text, ensure_ascii=False)
    for character, escape in UNSAFE.items():
        text = text.replace(character, escape)
    return f"{CALL}({text})\n"


def save(path: Path, data: Any) -> None:
    """Where nothing has changed, nothing is written."""
    new = dumps(data).encode("utf-8", "replace")
    if read(path) != new:
        record.write(path, new)


def read(path: Path) -> bytes | None:
    """Return what is in a plain file; None where there is none, for a link or anything else."""
    try:
        return read_bytes(path, LARGEST, follow=False)
    except OSError:
        return None


def load(path: Path) -> Any:
    """What `save` saved; None where there is none, or it cannot be read."""
    line = (read(path) or b"").removesuffix(b"\n")
    try:
        return json.loads(json.loads(line[len(CALL) + 1 : -1])) if is_call(line) else None
    except (ValueError, RecursionError):
        return None


def is_call(line: bytes) -> bool:
    """Of our function with one text, and nothing else: such a line is no program. (Quick, where a
    regular expression takes ten times as long: only the quotes at its ends are not escaped.)"""
    bare = line.replace(b"\\\\", b"..").replace(b'\\"', b"..")
    return (
        bare.startswith(b'%s("' % CALL.encode())
        and bare.endswith(b'")')
        and bare.count(b'"') == 2
        and b"\n" not in bare
    )


@cache
def is_data(path: Path, stamp: tuple[int, int]) -> bool:
    """Nothing but data: a file that came with a folder may be a program. Looked at once for each
    stamp, which says when it was written and how long it is."""
    return is_call((read(path) or b"").removesuffix(b"\n"))


def link(path: str) -> str:
    """A relative path as an address: percent-encoded, never a scheme or a host."""
    return quote(path.encode("utf-8", "surrogateescape"))
