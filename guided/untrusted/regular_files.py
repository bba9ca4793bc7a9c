"""Reading untrusted files and folders: regular files up to a limit, no links, pipes and devices.

Imports no torch.
"""

from __future__ import annotations

import codecs
import errno
import os
import stat
from pathlib import Path

from guided.errors import BadInput

MB = 1 << 20
CHUNK = 4 * MB  # bytes per read, so that memory is used only for data that exist
# Opening a named pipe without a writer would block for ever.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


def read_bytes(path: Path, limit: int, follow: bool = True) -> bytes:
    """Return the content of a regular file of at most `limit` bytes.

    Raise OSError with a `strerror` in words for a folder, a named pipe, a device, a larger file,
    and for a symbolic link unless `follow`."""
    if not follow and os.path.islink(path):
        raise OSError(errno.ELOOP, "it is a link", str(path))
    mode = os.stat(path).st_mode
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, f"it is {kind(mode)}", str(path))
    with open(os.open(path, FLAGS | (0 if follow else getattr(os, "O_NOFOLLOW", 0))), "rb") as f:
        about = os.fstat(f.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, f"it is {kind(about.st_mode)}", str(path))
        too_large = OSError(errno.EFBIG, f"it is larger than {limit // MB} MB", str(path))
        if about.st_size > limit:
            raise too_large
        content = bytearray()  # files in /proc have the size 0 and a content
        while part := f.read(min(CHUNK, limit + 1 - len(content))):
            content += part
            if len(content) > limit:
                raise too_large
        return bytes(content)


def read_text(path: Path, limit: int, follow: bool = True) -> str:
    """Return the text of a regular file. Raise OSError or UnicodeDecodeError."""
    return decoded(read_bytes(path, limit, follow))


def decoded(content: bytes) -> str:
    """Return a text in UTF-8, or in UTF-16 with a byte order mark, without that mark. Raise
    UnicodeDecodeError for other bytes and for NUL characters, which no text has."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if utf16 else "utf-8-sig")
    if "\0" in text:
        place = content.index(b"\0")
        raise UnicodeDecodeError("utf-8", content, place, place + 1, "a NUL character")
    return text


def check_regular(setting: str, path: Path) -> None:
    """Raise BadInput unless the path is a regular file or a folder."""
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise BadInput(f"{setting}={path} is {kind(mode)}; give a file")


def kind(mode: int) -> str:
    """Return the kind of file of a mode in words."""
    kinds = (
        (stat.S_ISLNK, "a link"),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISFIFO, "a named pipe"),
        (stat.S_ISSOCK, "a socket"),
        (stat.S_ISREG, "a file"),
    )
    return next((words for test, words in kinds if test(mode)), "a device")


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
