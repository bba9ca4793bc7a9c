"""One address into one file: goes on where it broke off, hashed while it streams, in place only
when it is whole.

Knows nothing about models or mirrors. Proxies are those of the environment (HTTP_PROXY,
HTTPS_PROXY, NO_PROXY), as urllib reads them. Addresses and answers are untrusted: https only,
http where `may_ask` allows it, no other scheme, also behind a redirect; nothing larger than it may
be. The two libraries that could do this instead, huggingface_hub and pooch, do not fit: the one
knows one host, the other starts over each time.
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
TRIES = 4  # in a row that bring nothing
PAUSE = 1.0  # seconds before the second of them, then twice as long each
TRANSIENT = (408, 416, 425, 429)  # answers below 500 that may differ next time
FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))
ENOUGH = 1 << 16  # bytes of a try that brings something
RESERVE = 256 << 20  # bytes of the disk that a body of unsaid length leaves free
ADDRESSES = "addresses must be https://; http:// only of this machine, or as HF_ENDPOINT has it"


class NoRoom(Exception):
    """The disk is too full: another mirror would not help."""


class WrongPart(ConnectionError):
    """The server resumes elsewhere than it was asked to."""


class Altered(ValueError):
    """The bytes are not those that were expected."""


class TooLarge(Altered):
    """More bytes came than may come."""


class Refused(ValueError):
    """The address, or the one that it leads to, is none to ask."""


class Redirects(urllib.request.HTTPRedirectHandler):
    """Follows only to addresses that may be asked, and never from https to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str):
        if not may_ask(newurl) or (req.type == "https" and urlsplit(newurl).scheme != "https"):
            raise Refused(f"it leads to {shown(ascii(newurl))}: {ADDRESSES}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def may_ask(url: str) -> bool:
    """Is it https; or http of this machine, or of the mirror that HF_ENDPOINT names?"""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.scheme not in ("https", "http"):
        return False
    return parts.scheme == "https" or is_loopback(host) or is_mirror(host, port)


def is_mirror(host: str, port: int | None) -> bool:
    """Does HF_ENDPOINT name this host and port, for http?"""
    try:
        mirror = urlsplit(os.environ.get("HF_ENDPOINT", ""))
        return (mirror.scheme, mirror.hostname, mirror.port) == ("http", host, port)
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def opener() -> urllib.request.OpenerDirector:
    """Return what asks an address: http and https, no file:, ftp: or data:. A new one each time,
    because the one that urllib shares keeps the proxies that it saw first."""
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
    """What there is so far of a file, beside where it will be. It outlives the process."""

    path: Path
    about: Path  # which address it came from, and which version of it

    @classmethod
    def of(cls, target: Path) -> "Part":
        name = f".{target.name}.part"
        return cls(target.with_name(name), target.with_name(f"{name}.json"))

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.is_file() and not self.linked else 0

    @property
    def linked(self) -> bool:
        """Is it a link, which is replaced and never written through?"""
        return self.path.is_symlink()

    def version(self, url: str) -> str:
        """ETag or date of what is here, if it came from this address; or nothing."""
        try:
            known = json.loads(self.about.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return ""
        if not isinstance(known, dict) or known.get("url") != url:
            return ""
        version = known.get("version")
        return version if isinstance(version, str) else ""

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)


def transfer(url: str, target: Path, sha256: str, most: int) -> Path:
    """Fetch `url` into `target`, of `most` bytes at most; OSError or HTTPException when it cannot
    be had, Altered when it is not what it should be, Refused, NoRoom. An interrupted transfer goes
    on next time."""
    if not may_ask(url):
        raise Refused(ADDRESSES)
    part = Part.of(target)
    resumed = part.size > 0
    digest = persist(url, part, sha256, most)
    if resumed and sha256 and digest != sha256:  # perhaps the older bytes were another file's
        part.discard()
        digest = persist(url, part, sha256, most)
    if sha256 and digest != sha256:
        part.discard()
        raise Altered(f"its SHA-256 is {digest}, expected {sha256}")
    if (wrong := weights_file.misshapen(part.path, target.suffix)) is not None:
        part.discard()  # a page that says sorry, perhaps
        raise Altered(wrong)
    os.replace(part.path, target)
    part.discard()
    weights_file.remember(target, digest)
    return target


def persist(url: str, part: Part, sha256: str, most: int) -> str:
    """Ask again, and go on, until the file is complete or nothing comes any more; its hash."""
    fruitless, resumes = 0, True
    while True:
        before = part.size if resumes else most  # begun anew each time, it gets no further
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
    return code < 500 and code not in TRANSIENT


def request(url: str, part: Part, sha256: str, most: int, resumes: bool) -> str:
    """One request, from where the file breaks off if the server `resumes`; the whole file's
    hash."""
    headers = {"User-Agent": f"guided/{__version__}", "Accept-Encoding": "identity"}
    kept, version = part.size, part.version(url)
    if kept > most or not resumes:
        kept = 0
    if kept and not (sha256 or version):  # nothing would tell whether the rest belongs to it
        kept = 0
    if kept:
        headers["Range"] = f"bytes={kept}-"
        headers |= {"If-Range": version} if version else {}
    try:
        answer = opener().open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{kept}":  # it is all here
            return weights_file.file_hash(part.path)
        part.discard()  # what is here is longer than what is there
        raise
    with answer:
        kept, total = position(answer, kept)
        if total > most:
            raise Altered(f"it has {total / 1e6:.0f} MB, more than the {most / 1e6:.0f} allowed")
        make_room(part, total - kept if total else 0)
        known = {"url": url, "version": strong_version(answer)}
        weights_file.write_new(part.about, json.dumps(known))
        return receive(answer, part, kept, total, most)


def position(answer: HTTPResponse, kept: int) -> tuple[int, int]:
    """Where the answer's bytes begin in the file, and the file's length or 0. A server that does
    not resume answers 200 and begins at 0."""
    said = answer.headers.get("Content-Length") or "0"
    if re.fullmatch(r"[0-9]{1,15}", said) is None:
        raise Altered(f"its Content-Length {shown(ascii(said))} is no length of a file")
    length = int(said)
    if answer.status != 206:
        return 0, length
    pattern = r"bytes ([0-9]{1,15})-[0-9]{1,15}/([0-9]{1,15}|\*)"
    found = re.fullmatch(pattern, answer.headers.get("Content-Range", "").strip())
    if found is None or int(found[1]) != kept:
        raise WrongPart("it answered with another part than was asked for")
    return kept, int(found[2]) if found[2] != "*" else kept + length


def strong_version(answer: HTTPResponse) -> str:
    """What If-Range may name: an ETag that is not weak, else the date."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def free_bytes(part: Part) -> int:
    return shutil.disk_usage(part.path.parent).free


def make_room(part: Part, more: int) -> None:
    free = free_bytes(part)
    if more > free:
        raise NoRoom(
            f"it needs {more / 1e6:.0f} MB and {part.path.parent} has {free / 1e6:.0f} MB left"
        )


def receive(answer: HTTPResponse, part: Part, kept: int, total: int, most: int) -> str:
    """Write what comes behind the first `kept` bytes, `most` in all; the hash of it all."""
    digest: Any = hashlib.sha256()
    if not kept:
        part.path.unlink(missing_ok=True)  # perhaps a link
    with part.path.open("r+b" if kept else "x+b") as sink:
        while sink.tell() < kept:
            digest.update(sink.read(min(weights_file.BLOCK, kept - sink.tell())))
        looks = dict(unit="B", unit_scale=True, disable=None, desc=part.path.name[1:-5])
        with tqdm(total=total or None, initial=kept, **looks) as bar:
            while block := answer.read(weights_file.BLOCK):
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
