"""Refusing links, pipes and devices in the folder of a run, which anyone may have made."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from guided.errors import BadInput
from guided.untrusted.regular_files import kind


def check_folder(folder: Path, own_links: str = "") -> None:
    """Raise BadInput if a run's folder has, at any depth, anything but regular files and folders:
    writing through a link may change any file.

    In the subfolder named `own_links`, symbolic links to files in it are allowed."""
    waiting = [folder] if folder.is_dir() else []
    while waiting:
        with os.scandir(waiting.pop()) as entries:
            for entry in entries:
                mode = entry.stat(follow_symlinks=False).st_mode
                path = Path(entry.path)
                if stat.S_ISDIR(mode):
                    waiting.append(path)
                elif not (stat.S_ISREG(mode) or (own_links and is_own(path, folder, own_links))):
                    raise BadInput(
                        f"{path} is {kind(mode)}: a run's folder has only plain files and "
                        "folders in it; if it is yours, remove it and try again"
                    )


def is_own(path: Path, folder: Path, name: str) -> bool:
    """Return whether the path is a link in folder/name to a regular file in folder/name."""
    inside = (folder / name).resolve()
    target = path.resolve()
    return (
        path.is_symlink()
        and path.parent.resolve().is_relative_to(inside)
        and target.is_relative_to(inside)
        and target.is_file()
    )
