"""Paths from settings: `~` expanded, impossible names refused."""

from __future__ import annotations

import stat
from difflib import get_close_matches
from itertools import islice
from pathlib import Path

from guided.errors import BadInput, shown
from guided.untrusted.regular_files import kind

MOST_FILES = 10_000  # of a folder that is searched for a similar name
LONGEST_NAME, LONGEST = 255, 4096  # bytes, of a part and of the whole


def expand(setting: str, typed: str | Path) -> Path:
    """Return the path with its `~` or `~user` expanded. Raise BadInput, naming the setting, if
    there is no such user, no file can have that name, or it is an address of the web."""
    text = str(typed)
    if isinstance(typed, str) and not text.strip():
        raise BadInput(f"{setting}={shown(text)} is empty: give a path")
    if text.startswith(("http:/", "https:/")):
        raise BadInput(f"{setting}={shown(text)} is a link: fetch it, and give the file")
    if (reason := impossible(text)) is not None:
        raise BadInput(f"{setting}={shown(text)} {reason}")
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        user = text.replace("\\", "/").partition("/")[0]
        raise BadInput(
            f"{setting}={shown(text)}: the home folder of {shown(user)} is not known here; "
            "give the whole path"
        ) from error


def absence(path: Path) -> str:
    """Return in words why a path is no file: `is not there`, `is a folder`, `is a named pipe`."""
    return f"is {kind(path.stat().st_mode)}" if path.exists() else "is not there"


def similar(path: Path) -> str:
    """Return `, did you mean 'photo.jpg'?` for the file or folder with the most similar name in
    the folder of a path where nothing is; empty if there is none."""
    try:
        if path.exists():
            return ""
        names = [place.name for place in islice(path.parent.iterdir(), MOST_FILES)]
    except OSError:  # no such folder, or none that can be read
        return ""
    found = get_close_matches(path.name, names, n=1, cutoff=0.6)
    return f", did you mean '{shown(found[0])}'?" if found else ""


def check_regular(setting: str, path: Path) -> None:
    """Raise BadInput unless the path is a regular file or a folder."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadInput(f"{setting}={path} is {kind(mode)}; give a file")


def impossible(text: str) -> str | None:
    """Return the reason why no file can have that path, or None."""
    if "\0" in text:
        return "has a NUL character in it, which no path can have"
    parts = [len(part.encode(errors="surrogateescape")) for part in text.split("/")]
    if max(parts) > LONGEST_NAME:
        return f"is too long: at most {LONGEST_NAME} bytes between two slashes"
    if len(text.encode(errors="surrogateescape")) >= LONGEST:
        return f"is too long: at most {LONGEST} bytes"
    return None
