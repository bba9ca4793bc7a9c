"""Changes of pictures since their manifest was last written, in `.work/changes.jsonl`.

A manifest of many pictures takes long to write, so that a worker notes most of its changes here: a
line of JSON with the whole entry of each picture that changed. Entries replace those of the
manifest, in order, and may do so more than once.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from guided.runs.files import refuse_link
from guided.runs.layout import WORK
from guided.runs.metadata import encodable
from guided.untrusted.regular_files import read_bytes

NAME = "changes.jsonl"


def path_in(folder: Path) -> Path:
    """Return the path of the changes of a batch's folder."""
    return folder / WORK / NAME


def read(folder: Path, limit: int, known: int = 0) -> list[dict[str, Any]]:
    """Return the entries after the first `known`, of at most `limit` bytes, without a last line
    that a killed worker did not finish. OSError or ValueError if they cannot be read."""
    try:
        content = read_bytes(path_in(folder), limit, follow=False)
    except (FileNotFoundError, NotADirectoryError):
        return []
    whole, _, _ = content.rpartition(b"\n")
    entries = [json.loads(line) for line in whole.split(b"\n")[known:] if line]
    if not all(isinstance(entry, dict) for entry in entries):
        raise ValueError("its changes are no mappings")
    return entries


def append(folder: Path, lines: Iterable[str]) -> None:
    """Add entries, in place of a last line that was not finished; they are on disk on return."""
    path = path_in(folder)
    refuse_link(path)
    data = encodable("".join(f"{line}\n" for line in lines)).encode()
    with path.open("ab+") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 1))
        if file.read(1) not in (b"", b"\n"):
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def remove(folder: Path) -> None:
    """Remove the changes after the manifest was written with them."""
    path_in(folder).unlink(missing_ok=True)
