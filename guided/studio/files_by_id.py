"""Pictures by their ids: a run's finished picture by picture:ID, an uploaded one by upload:ID.

An id is a hash of what it stands for, so that it stays the same after a restart, and none can be
made up that leads elsewhere.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from pathlib import Path

from guided.errors import BadInput, shown
from guided.runs.layout import OTHERS, find_image
from guided.studio.places import ID, plain_folder, uploads_folder

LENGTH = 20  # letters of an id, 100 bits
KINDS = re.compile(r"(?P<kind>upload|picture):(?P<id>.*)", re.DOTALL)


def digest(data: bytes) -> str:
    """Return the id of some content."""
    return base64.b32encode(hashlib.sha256(data).digest()).decode().lower()[:LENGTH]


def run_id(run: str) -> str:
    """Return the id of a run by its folder, relative to the folder of all runs."""
    return digest(run.encode("utf-8", "surrogateescape"))


def picture_id(run: str, number: int) -> str:
    """Return the id of a picture of a run."""
    return digest(f"{run}/{number}".encode("utf-8", "surrogateescape"))


def picture_file(root: Path, run: str, number: int) -> Path | None:
    """Return the file of a finished picture; None if it is gone, or leads elsewhere."""
    for place in (plain_folder(root, run), plain_folder(root, f"{run}/{OTHERS}")):
        if place and place.is_dir() and (name := find_image(place, number)):
            path = place / name
            return path if path.is_file() and not path.is_symlink() else None
    return None


def find(root: Path, value: str, known: Mapping[str, tuple[str, int]]) -> Path:
    """Return the file that a value, upload:ID or picture:ID, stands for; `known` has the run and
    number of pictures by their ids. BadInput if there is none."""
    match = KINDS.fullmatch(value)
    if match is None or not ID.fullmatch(match["id"]):
        raise BadInput(f"{shown(value)} is no picture: it is upload:ID or picture:ID")
    if match["kind"] == "upload":
        path = uploads_folder(root) / f"{match['id']}.png"
        found = path if path.is_file() and not path.is_symlink() else None
    else:
        run, number = known.get(match["id"], ("", -1))
        right = number >= 0 and picture_id(run, number) == match["id"]
        found = picture_file(root, run, number) if right else None
    if found is None:
        raise BadInput(f"{shown(value)}: there is no such picture any more, or there never was")
    return found
