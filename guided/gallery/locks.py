"""One writer at a time in a folder, and never through a link, which may lead anywhere: a folder
may have come from somebody else. Knows nothing about pages."""

from pathlib import Path

from filelock import FileLock


def lock(path: Path, wait: float) -> FileLock:
    """Timeout, on entering, when another has held it for so many seconds."""
    refuse_link(path)
    if path.exists() and not path.is_file():
        raise OSError(f"{path} is no plain file, and cannot be a lock")
    return FileLock(path, timeout=wait)


def refuse_link(path: Path) -> None:
    if path.is_symlink():
        raise OSError(f"{path} is a link, through which nothing is written")
