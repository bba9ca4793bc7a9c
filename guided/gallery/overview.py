"""The page of all batches: index.html and gallery-data.js in outputs/.

The data have one line for each batch. A run parses no line, and replaces only its own, so that
its cost hardly grows with the number of pictures drawn before.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from guided.gallery import page, script
from guided.runs import files

DAY = re.compile(r"\d{4}-\d\d-\d\d")
# The beginning of a line, with the folder of its batch.
LINE = re.compile(
    rb'guidedGallery\("\{\\"version\\":%d,\\"all\\":true,\\"batches\\":\[\{'
    rb'\\"folder\\":\\"([\w.~%%/-]+)/\\",' % script.VERSION
)


def root_of(folder: Path) -> Path | None:
    """Return the folder of all runs: outputs/ of outputs/2026-11-22/142233-a-lighthouse. None if
    the batch is not in a folder of a day."""
    return folder.parent.parent if DAY.fullmatch(folder.parent.name) else None


def join(root: Path, built: dict[Path, dict[str, Any]], wait: float, anew: bool = False) -> None:
    """Write the page of all batches, with new data of those in `built`, without removed folders.
    filelock.Timeout if another process has been writing for `wait` seconds."""
    root.mkdir(exist_ok=True)
    with files.lock(root / ".gallery.lock", wait):
        old = {} if anew else existing_lines(root)
        new = dict(newest_first(root, built))
        lines = new | old | new  # new batches come first; the others keep their places
        files.write(root / script.DATA, b"".join(line + b"\n" for line in lines.values()))
        page.write(root)


def newest_first(root: Path, built: dict[Path, dict[str, Any]]) -> Iterable[tuple[bytes, bytes]]:
    """Yield the address of each batch's folder and its line of data, the newest batch first."""
    at = {folder: folder.relative_to(root).as_posix() for folder in built}
    for folder in sorted(built, key=lambda f: (built[f]["made"] or "", at[f]), reverse=True):
        address = script.link(at[folder])
        own = {"folder": f"{address}/", "at": at[folder]}
        batch = {"folder": ""} | built[folder] | own  # the folder stands first, as LINE reads it
        data = {"version": script.VERSION, "all": True, "batches": [batch]}
        yield address.encode(), script.dumps(data).encode("utf-8", "replace").rstrip(b"\n")


def existing_lines(root: Path) -> dict[bytes, bytes]:
    """Return the lines of batches whose folders are there, by address. Any line that is not a call
    of our function is left out: it might be a program."""
    lines = (script.read(root / script.DATA) or b"").split(b"\n")
    by_address = {
        match[1]: line for line in lines if (match := LINE.match(line)) and script.is_call(line)
    }
    folders = cache(folders_in)  # each day's folder is listed once
    existing = {}
    for address, line in by_address.items():
        parent, _, name = unquote_to_bytes(address).rpartition(b"/")
        if name in folders(os.path.join(os.fsencode(root), parent)):
            existing[address] = line
    return existing


def folders_in(folder: bytes) -> set[bytes]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError:
        return set()
