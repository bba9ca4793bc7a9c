"""Reading untrusted files: regular files up to a limit, no links, pipes and devices."""

from __future__ import annotations

import codecs
import errno
import os
import stat
from pathlib import Path

MB = 1 << 20
CHUNK = 4 * MB  # bytes per read, so that memory is used only for data that exist
# Opening a named pipe without a writer would block for ever.
FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotText(UnicodeDecodeError):
    """Bytes that are neither UTF-8 nor UTF-16."""

    @property
    def line(self) -> int:
        """Return the number of the line with the first wrong byte."""
        return self.object[: self.start].count(b"\n") + 1

    def __str__(self) -> str:
        return f"line {self.line} is not UTF-8; save the file as UTF-8"


def read_bytes(path: str | Path, limit: int, follow: bool = True) -> bytes:
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
    """Return the text of a regular file. Raise OSError or NotText."""
    return decoded(read_bytes(path, limit, follow))


def decoded(content: bytes) -> str:
    """Return a text in UTF-8, or in UTF-16 with a byte order mark, without that mark. Raise
    NotText for other bytes and for NUL characters, which no text has."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise NotText(*error.args) from error
    if "\0" in text:
        place = content.index(b"\0")
        raise NotText("utf-8", content, place, place + 1, "a NUL character")
    return text


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
