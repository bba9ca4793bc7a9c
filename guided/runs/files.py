"""Files in a run's folder: atomic writes, locks, and the pointer to the latest run."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from guided.errors import BadInput
from guided.runs.layout import LATEST, LATEST_TEXT
from guided.untrusted.regular_files import MB, read_text

if TYPE_CHECKING:
    from filelock import FileLock

PARTS = ".*.part"  # pattern of unfinished files


def write(path: Path, data: bytes, durable: bool = False) -> None:
    """Write a file atomically: a reader sees the old content or the new, never a part.

    With `durable` the file and its name are on disk on return, also after a power failure."""
    part = path.with_name(f".{path.name}.{unique()}.part")
    try:
        part.write_bytes(data)
        if durable:
            with part.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with suppress(OSError):  # half a file would take space on a full disk
            part.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def make_root(folder: Path) -> None:
    """Make the folder of all runs. BadInput if it cannot be made or written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(f"folder={folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise BadInput(f"folder={folder} cannot be written to")


def make_folder(run: Path, folder: Path) -> None:
    """Make a folder inside a run's folder. FileNotFoundError if that was removed: it is not made
    anew."""
    for part in folder.relative_to(run).parts:
        run /= part
        run.mkdir(exist_ok=True)


def remove_unfinished(folder: Path) -> None:
    """Remove the unfinished files of processes that were killed while they wrote."""
    for path in folder.rglob(PARTS):
        with suppress(OSError):
            path.unlink()


def sync_folder(folder: Path) -> None:
    """Flush the names in a folder to disk, where the system can open folders."""
    with suppress(OSError):  # Windows cannot
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)


def unique() -> str:
    """Return a suffix that no other process uses: processes in two containers may have the same
    process id."""
    return f"{os.getpid()}-{secrets.token_hex(4)}"


def is_unwritable(error: BaseException, folder: Path) -> bool:
    """Return whether the disk is full or read-only, the user's share of it is full, or files in
    `folder` may not be written: nothing more can be saved."""
    if not isinstance(error, OSError):
        return False
    if error.errno in (errno.EACCES, errno.EPERM):
        return Path(os.fsdecode(error.filename or "")).is_relative_to(folder)
    return is_full(error) or error.errno == errno.EROFS


def is_full(error: OSError) -> bool:
    return error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


# ---- locks ---------------------------------------------------------------------------------


def lock(path: Path, wait: float) -> FileLock:
    """Return a lock that raises filelock.Timeout on entering if another process has held it for
    `wait` seconds. OSError if `path` is a link or no plain file, or its folder, which a FileLock
    would make, was removed."""
    from filelock import FileLock

    refuse_link(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path.parent))
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no plain file, and cannot be a lock")
    return FileLock(path, timeout=wait)


def refuse_link(path: Path) -> None:
    """Raise OSError if `path` is a link, which may lead out of an untrusted folder."""
    if path.is_symlink():
        raise OSError(f"{path} is a link, through which nothing is written")


# ---- latest --------------------------------------------------------------------------------


def point_latest(folder: Path, root: Path) -> None:
    """Make root/latest a link to `folder`; where links need privileges (Windows), write the path
    to root/latest.txt."""
    link, text, new = root / LATEST, root / LATEST_TEXT, root / f".{LATEST}-{unique()}"
    try:
        os.symlink(os.path.relpath(folder, root), new, target_is_directory=True)
        os.replace(new, link)
    except OSError:
        with suppress(OSError):
            new.unlink()
        write(text, os.fsencode(folder))
    else:
        with suppress(OSError):  # written before links could be made; it would be read first
            text.unlink()


def read_latest(root: Path) -> Path:
    """Return the folder that `point_latest` was last given. OSError or ValueError if latest.txt
    cannot be read; the folder may be gone."""
    try:
        return Path(read_text(root / LATEST_TEXT, MB))
    except FileNotFoundError:
        return (root / LATEST).resolve()
