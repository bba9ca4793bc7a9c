"""Names of the studio's files, all in one folder inside the folder of all runs."""

from __future__ import annotations

import re
import secrets
import string
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

NAME = ".studio"
SERVER = "server.json"  # where the server of the folder is
ID = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
LETTERS = string.ascii_lowercase + string.digits
LENGTH = 12  # letters of an id that is drawn here


def studio_folder(root: Path) -> Path:
    """Return the studio's folder in the folder of all runs."""
    return root / NAME


def queue_folder(root: Path) -> Path:
    return root / NAME / "queue"


def previews_folder(root: Path, prediction: str) -> Path:
    """Return the folder with the small pictures of a prediction's steps."""
    return root / NAME / "previews" / prediction


def preview_name(picture: int, step: int, views: bool = False) -> str:
    """Return the name of a step's small picture, or of its sheet of views."""
    return f"{picture:04d}_{step:04d}{'_views' if views else ''}.webp"


def uploads_folder(root: Path) -> Path:
    return root / NAME / "uploads"


def presets_folder(root: Path) -> Path:
    """Return the folder of the presets that were saved in the studio, as --config-dir takes it."""
    return root / NAME / "presets"


def trash_folder(root: Path) -> Path:
    return root / NAME / "trash"


def is_inside(folder: object) -> bool:
    """Return whether it is a relative path that does not lead out of its folder."""
    if not isinstance(folder, str) or any(sign in folder for sign in "\\:\0"):
        return False
    path = Path(folder)
    return not path.is_absolute() and path.parts != () and ".." not in path.parts


def plain_folder(root: Path, folder: object) -> Path | None:
    """Return a folder inside the folder of all runs, whether it is there or not; None for a path
    that leads out of it or over a link."""
    if not isinstance(folder, str) or not is_inside(folder):
        return None
    path = root / folder
    with suppress(OSError, RuntimeError, ValueError):
        if path.resolve() == root.resolve() / folder:
            return path
    return None


def without_paths(text: str, names: Mapping[str, str]) -> str:
    """Return a text for the web: files and folders by their names instead of by their paths, of
    which a message may have the beginning alone, cut off by `...`."""
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
        for length in range(len(path) - 1, 1, -1):
            text = text.replace(f"{path[:length]}...", f"{names[path]}...")
    return text


def new_id() -> str:
    """Return a new random id of letters and digits."""
    return "".join(secrets.choice(LETTERS) for _ in range(LENGTH))
