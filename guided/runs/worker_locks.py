"""Workers' locks: each worker of a batch holds one while it lives, and the system releases it
when the worker is killed."""

from __future__ import annotations

import re
import socket
import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from guided.runs import changes, files
from guided.runs.layout import LOCK, MANIFEST, METRICS, WORK

LOCK_TIMEOUT = 1  # seconds for the manifest's lock, which is held for milliseconds
SILENT = 600.0  # seconds without a change, after which a worker of another machine counts as dead


def new_name() -> str:
    """Return a name for a worker that begins with this machine's."""
    return f"{host()}-{files.unique()}"


def host() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:64]


def worker_lock(folder: Path, name: str) -> Path:
    return folder / WORK / f"worker-{name}.lock"


def workers(folder: Path) -> set[str]:
    """Return the names of all workers with a lock, alive or killed."""
    locks = (folder / WORK).glob("worker-*.lock")
    return {path.name.removeprefix("worker-").removesuffix(".lock") for path in locks}


def any_alive(folder: Path) -> bool:
    """Return whether any worker is alive. To be called under the manifest's lock."""
    return any([is_alive(folder, name) for name in workers(folder)])  # each: locks are removed


def is_alive(folder: Path, name: str) -> bool:
    """Return whether a worker holds its lock; remove the lock if it does not. To be called under
    the manifest's lock."""
    path = worker_lock(folder, name)
    if not path.exists():
        return False
    if is_held(path):
        return True
    with suppress(OSError):
        path.unlink()
    return False


def is_held(path: Path) -> bool:
    """Return whether another process, or another part of this one, holds a lock that exists."""
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


def seems_alive(folder: Path, name: str) -> bool:
    """Return whether a worker that has claimed pictures lives, as far as this machine can tell.

    A worker of this machine lives if its lock is held. Locks of other machines may not reach this
    one: where such a lock is not held, the last change of the run's files decides."""
    path = worker_lock(folder, name)
    if any(place.is_symlink() for place in (path, path.parent)):
        return False
    # Under the manifest's lock, or another worker that looks now would take this for a life.
    try:
        with files.lock(folder / LOCK, LOCK_TIMEOUT):
            if path.is_file() and is_held(path):
                return True
    except Timeout:
        return True
    except OSError:  # a folder that cannot be written to
        pass
    return name.rsplit("-", 2)[0] != host() and changed_lately(folder)


def changed_lately(folder: Path) -> bool:
    """Return whether the manifest or the metrics were written in the last SILENT seconds."""
    written = (folder / MANIFEST, changes.path_in(folder), folder / METRICS)
    stamps = [p.stat().st_mtime for p in written if p.is_file()]
    return any(abs(time.time() - stamp) < SILENT for stamp in stamps)
