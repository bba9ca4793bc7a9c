"""The page over all batches: index.html and gallery-data.js in outputs/.

The data have a line for every batch. A run reads none of them but replaces its own, so that it
pays next to nothing for all the pictures that were drawn before. Knows nothing about what is in a
batch.
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
from guided.gallery.locks import lock
from guided.runs import record

DAY = re.compile(r"\d{4}-\d\d-\d\d")
# How a line begins, with the folder of its batch.
LINE = re.compile(
    rb'guidedGallery\("\{\\"version\\":%d,\\"all\\":true,\\"batches\\":\[\{'
    rb'\\"folder\\":\\"([\w.~%%/-]+)/\\",' % script.VERSION
)


def root_of(folder: Path) -> Path | None:
    """outputs/ of outputs/2026-11-22/142233-a-lighthouse."""
    return folder.parent.parent if DAY.fullmatch(folder.parent.name) else None


def join(root: Path, built: dict[Path, dict[str, Any]], wait: float, anew: bool = False) -> None:
    """The page over all, with these batches new in it, and without those that are gone. Timeout
    when another has been writing for so many seconds."""
    root.mkdir(exist_ok=True)
    with lock(root / ".gallery.lock", wait):
        there = {} if anew else lines_there(root)
        mine = dict(newest_first(root, built))
        lines = mine | there | mine  # what is new comes first; what was there keeps its place
        record.write(root / script.DATA, b"".join(line + b"\n" for line in lines.values()))
        page.write(root)


def newest_first(root: Path, built: dict[Path, dict[str, Any]]) -> Iterable[tuple[bytes, bytes]]:
    at = {folder: folder.relative_to(root).as_posix() for folder in built}
    for folder in sorted(built, key=lambda f: (built[f]["made"] or "", at[f]), reverse=True):
        address = script.link(at[folder])
        batch = built[folder] | {"folder": f"{address}/", "at": at[folder]}
        data = {"version": script.VERSION, "all": True, "batches": [batch]}
        yield address.encode(), script.dumps(data).encode("utf-8", "replace").rstrip(b"\n")


def lines_there(root: Path) -> dict[bytes, bytes]:
    """By the addresses of their folders. What is no line of ours might be a program."""
    lines = (script.read(root / script.DATA) or b"").split(b"\n")
    found = {
        match[1]: line for line in lines if (match := LINE.match(line)) and script.is_call(line)
    }
    inside = cache(folders_in)  # each day is looked at once, and not every batch
    there = {}
    for address, line in found.items():
        above, _, name = unquote_to_bytes(address).rpartition(b"/")
        if name in inside(os.path.join(os.fsencode(root), above)):
            there[address] = line
    return there


def folders_in(folder: bytes) -> set[bytes]:
    try:
        with os.scandir(folder) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError:
        return set()
