"""Downloading one address into one file: resumed, hashed while it streams, renamed when complete.

Proxies are those of the environment (HTTP_PROXY, HTTPS_PROXY, NO_PROXY), as urllib reads them.
Addresses and responses are untrusted: https only, http where `may_ask` allows it, no other scheme,
also after a redirect; a size limit. The libraries huggingface_hub and pooch do not fit: the first
is for one host, the second does not resume.
"""

import errno
import hashlib
import ipaddress
import json
import logging
import os
import re
import shutil
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tqdm import tqdm

from guided.errors import shown
from guided.models import weights_file
from guided.version import __version__

log = logging.getLogger(__name__)
TIMEOUT = 30.0  # seconds without a byte
TRIES = 4  # in a row without progress
PAUSE = 1.0  # seconds before the second of them, doubled for each further one
TRANSIENT = (408, 416, 425, 429)  # status codes below 500 that may differ next time
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
ENOUGH = 1 << 16  # bytes that count as progress
RESERVE = 256 << 20  # bytes of the disk that a response without length leaves free
ADDRESSES = "addresses must be https://; http:// only of this machine, or as in HF_ENDPOINT"


class NoRoom(Exception):
    """The error for a full disk, where another mirror would not help."""


class WrongPart(ConnectionError):
    """The error for a server that resumes at another position than requested."""


class Altered(ValueError):
    """The error for other bytes than expected."""


class TooLarge(Altered):
    """The error for more bytes than allowed."""


class Refused(ValueError):
    """The error for an address, or a redirect to one, that may not be requested."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """A redirect handler that follows only to allowed addresses, and never from https to http."""

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        if not may_ask(newurl) or (req.type == "https" and urlsplit(newurl).scheme != "https"):
            raise Refused(f"it leads to {shown(ascii(newurl))}: {ADDRESSES}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def may_ask(url: str) -> bool:
    """Return whether an address is https; or http of this machine, or of HF_ENDPOINT."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.scheme not in ("https", "http"):
        return False
    return parts.scheme == "https" or is_loopback(host) or is_mirror(host, port)


def is_mirror(host: str, port: int | None) -> bool:
    """Return whether HF_ENDPOINT is this host and port, for http."""
    try:
        mirror = urlsplit(os.environ.get("HF_ENDPOINT", ""))
        return (mirror.scheme, mirror.hostname, mirror.port) == ("http", host, port)
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    """Return whether a host is this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def opener() -> urllib.request.OpenerDirector:
    """Return an opener for http and https only. A new one each time, because urllib's shared one
    keeps the first proxies."""
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        Redirects(),
        urllib.request.HTTPErrorProcessor(),
    ):
        director.add_handler(handler)
    return director


@dataclass
class Part:
    """A partial download beside its target, which a later process can resume."""

    path: Path
    about: Path  # its address and version

    @classmethod
    def of(cls, target: Path) -> "Part":
        """Return the partial download of a target."""
        name = f".{target.name}.part"
        return cls(target.with_name(name), target.with_name(f"{name}.json"))

    @property
    def size(self) -> int:
        """Return the bytes that are here."""
        return self.path.stat().st_size if self.path.is_file() and not self.linked else 0

    @property
    def linked(self) -> bool:
        """Return whether the file is a link, which is replaced and never written through."""
        return self.path.is_symlink()

    def version(self, url: str) -> str:
        """Return the ETag or date of the partial file if it is of this address, else ''."""
        try:
            known = json.loads(self.about.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return ""
        if not isinstance(known, dict) or known.get("url") != url:
            return ""
        version = known.get("version")
        return version if isinstance(version, str) else ""

    def discard(self) -> None:
        """Delete the partial file."""
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)


def transfer(url: str, target: Path, sha256: str, most: int) -> Path:
    """Download `url`, at most `most` bytes, into `target`, and return it. An interrupted download
    is resumed next time.

    Raises OSError or HTTPException if the server does not send it, Altered for other bytes than
    expected, Refused for the address, NoRoom for a full disk."""
    if not may_ask(url):
        raise Refused(ADDRESSES)
    part = Part.of(target)
    resumed = part.size > 0
    digest = download(url, part, sha256, most)
    if resumed and sha256 and digest != sha256:  # the older bytes may be another file's
        part.discard()
        digest = download(url, part, sha256, most)
    if sha256 and digest != sha256:
        part.discard()
        raise Altered(f"its SHA-256 is {digest}, expected {sha256}")
    if (wrong := weights_file.misshapen(part.path, target.suffix)) is not None:
        part.discard()  # an error page, perhaps
        raise Altered(wrong)
    os.replace(part.path, target)
    part.discard()
    weights_file.remember(target, digest)
    return target


def download(url: str, part: Part, sha256: str, most: int) -> str:
    """Request and resume the file until it is complete or nothing more comes; return its hash."""
    fruitless, resumes = 0, True
    while True:
        before = part.size if resumes else most  # a restart makes no progress
        try:
            return request(url, part, sha256, most, resumes)
        except TooLarge:
            part.discard()
            raise
        except (OSError, HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and is_lasting(error.code):
                raise
            if isinstance(error, OSError) and error.errno in FULL:
                raise NoRoom(f"{part.path.parent} has no room left") from error
            if isinstance(error, WrongPart):
                resumes = False
                part.discard()
            fruitless = 0 if part.size >= before + ENOUGH else fruitless + 1
            if fruitless == TRIES:
                raise
            log.info("%s: %s; trying again", url, error)
            time.sleep(PAUSE * 2 ** max(fruitless - 1, 0))


def is_lasting(code: int) -> bool:
    """Return whether a status code will be the same next time."""
    return code < 500 and code not in TRANSIENT


def request(url: str, part: Part, sha256: str, most: int, resumes: bool) -> str:
    """Send one request, for the missing bytes if the server `resumes`, and return the hash of the
    whole file."""
    headers = {"User-Agent": f"guided/{__version__}", "Accept-Encoding": "identity"}
    offset, version = part.size, part.version(url)
    if offset > most or not resumes:
        offset = 0
    if offset and not (sha256 or version):  # the rest could not be told from another file's
        offset = 0
    if offset:
        headers["Range"] = f"bytes={offset}-"
        headers |= {"If-Range": version} if version else {}
    try:
        response = opener().open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{offset}":  # it is complete
            return weights_file.file_hash(part.path)
        part.discard()  # longer than the server's file
        raise
    with response:
        offset, total = position(response, offset)
        if total > most:
            raise Altered(f"it has {total / 1e6:.0f} MB, more than the {most / 1e6:.0f} allowed")
        check_space(part, total - offset if total else 0)
        known = {"url": url, "version": strong_version(response)}
        weights_file.write_new(part.about, json.dumps(known))
        return receive(response, part, offset, total, most)


def position(response: HTTPResponse, offset: int) -> tuple[int, int]:
    """Return the position of the response's bytes in the file, and the length of the file or 0.
    A server that does not resume answers 200, from position 0."""
    header = response.headers.get("Content-Length") or "0"
    if re.fullmatch(r"[0-9]{1,15}", header) is None:
        raise Altered(f"its Content-Length {shown(ascii(header))} is no length of a file")
    length = int(header)
    if response.status != 206:
        return 0, length
    pattern = r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)"
    match = re.fullmatch(pattern, response.headers.get("Content-Range", "").strip())
    if match is None or int(match[1]) != offset:
        raise WrongPart("it sent another part than requested")
    return offset, int(match[2]) if match[2] != "*" else offset + length


def strong_version(response: HTTPResponse) -> str:
    """Return the validator for If-Range: a strong ETag, else the date."""
    tag = response.headers.get("ETag", "")
    return tag if tag.startswith('"') else response.headers.get("Last-Modified", "")


def free_bytes(part: Part) -> int:
    """Return the free bytes of the disk."""
    return shutil.disk_usage(part.path.parent).free


def check_space(part: Part, more: int) -> None:
    """Raise NoRoom if the disk does not have `more` bytes."""
    free = free_bytes(part)
    if more > free:
        raise NoRoom(
            f"it needs {more / 1e6:.0f} MB and {part.path.parent} has {free / 1e6:.0f} MB left"
        )


def receive(response: HTTPResponse, part: Part, offset: int, total: int, most: int) -> str:
    """Append the response after the first `offset` bytes, at most `most` in all; return the hash
    of the whole file."""
    digest: Any = hashlib.sha256()
    if not offset:
        part.path.unlink(missing_ok=True)  # perhaps a link
    with part.path.open("r+b" if offset else "x+b") as sink:
        while sink.tell() < offset:
            digest.update(sink.read(min(weights_file.BLOCK, offset - sink.tell())))
        looks = dict(unit="B", unit_scale=True, disable=None, desc=part.path.name[1:-5])
        with tqdm(total=total or None, initial=offset, **looks) as bar:
            while block := response.read(weights_file.BLOCK):
                if sink.tell() + len(block) > (total or most):
                    raise TooLarge(f"it sends more than {(total or most) / 1e6:.0f} MB")
                if not total and free_bytes(part) < RESERVE:
                    raise TooLarge(
                        "it does not say how long it is, and its end was not reached before "
                        f"{part.path.parent} had {RESERVE / 1e6:.0f} MB left"
                    )
                sink.write(block)
                digest.update(block)
                bar.update(len(block))
        sink.flush()
        os.fsync(sink.fileno())  # the name must not outlive the content in a power cut
        size = sink.tell()
    if total and size != total:
        raise ConnectionError(f"it broke off after {size} of {total} bytes")
    return digest.hexdigest()
