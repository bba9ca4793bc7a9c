"""One address into one file: goes on where it broke off, hashed while it streams, in place only
when it is whole.

Knows nothing about models or mirrors. Proxies are those of the environment (HTTP_PROXY,
HTTPS_PROXY, NO_PROXY), as urllib reads them. The two libraries that could do this instead,
huggingface_hub and pooch, do not fit: the one knows one host, the other starts over each time.
"""

import hashlib
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

from tqdm import tqdm

from guided.models import weights_file
from guided.version import __version__

log = logging.getLogger(__name__)
TIMEOUT = 30.0  # seconds without a byte
TRIES = 4  # in a row that bring nothing
PAUSE = 1.0  # seconds before the second of them, then twice as long each
TRANSIENT = (408, 416, 425, 429)  # answers below 500 that may differ next time


class NoRoom(Exception):
    """The disk is too full: another mirror would not help."""


class WrongPart(ConnectionError):
    """The server resumes elsewhere than it was asked to."""


class Altered(ValueError):
    """The bytes are not those that were expected."""


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
        return self.path.stat().st_size if self.path.exists() else 0

    def version(self, url: str) -> str:
        """ETag or date of what is here, if it came from this address; or nothing."""
        try:
            known = json.loads(self.about.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return ""
        return known.get("version", "") if known.get("url") == url else ""

    def discard(self) -> None:
        self.path.unlink(missing_ok=True)
        self.about.unlink(missing_ok=True)


def transfer(url: str, target: Path, sha256: str) -> Path:
    """Fetch `url` into `target`; OSError or HTTPException when it cannot be had, Altered when it
    is not what it should be, NoRoom. An interrupted transfer goes on next time."""
    part = Part.of(target)
    resumed = part.size > 0
    digest = persist(url, part, sha256)
    if resumed and sha256 and digest != sha256:  # perhaps the older bytes were another file's
        part.discard()
        digest = persist(url, part, sha256)
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


def persist(url: str, part: Part, sha256: str) -> str:
    """Ask again, and go on, until the file is complete or nothing comes any more; its hash."""
    fruitless = 0
    while True:
        before = part.size
        try:
            return request(url, part, sha256)
        except (OSError, HTTPException) as error:
            if isinstance(error, urllib.error.HTTPError) and is_lasting(error.code):
                raise
            if isinstance(error, WrongPart):
                part.discard()
            fruitless = 0 if part.size > before else fruitless + 1
            if fruitless == TRIES:
                raise
            log.info("%s: %s; trying again", url, error)
            time.sleep(PAUSE * 2 ** max(fruitless - 1, 0))


def is_lasting(code: int) -> bool:
    return code < 500 and code not in TRANSIENT


def request(url: str, part: Part, sha256: str) -> str:
    """One request, from where the file breaks off; the whole file's hash."""
    headers = {"User-Agent": f"guided/{__version__}", "Accept-Encoding": "identity"}
    kept, version = part.size, part.version(url)
    if kept and not (sha256 or version):  # nothing would tell whether the rest belongs to it
        kept = 0
    if kept:
        headers["Range"] = f"bytes={kept}-"
        headers |= {"If-Range": version} if version else {}
    try:
        # A new opener, because the one that urllib shares keeps the proxies that it saw first.
        opener = urllib.request.build_opener()
        answer = opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT)
    except urllib.error.HTTPError as error:
        if error.code != 416:
            raise
        if error.headers.get("Content-Range") == f"bytes */{kept}":  # it is all here
            return weights_file.file_hash(part.path)
        part.discard()  # what is here is longer than what is there
        raise
    with answer:
        kept, total = position(answer, kept)
        make_room(part, total - kept if total else 0)
        part.about.write_text(json.dumps({"url": url, "version": strong_version(answer)}))
        return receive(answer, part, kept, total)


def position(answer: HTTPResponse, kept: int) -> tuple[int, int]:
    """Where the answer's bytes begin in the file, and the file's length or 0. A server that does
    not resume answers 200 and begins at 0."""
    length = int(answer.headers.get("Content-Length") or 0)
    if answer.status != 206:
        return 0, length
    found = re.match(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
    if found is None or int(found[1]) != kept:
        raise WrongPart("it answered with another part than was asked for")
    return kept, int(found[2]) if found[2] != "*" else kept + length


def strong_version(answer: HTTPResponse) -> str:
    """What If-Range may name: an ETag that is not weak, else the date."""
    tag = answer.headers.get("ETag", "")
    return tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")


def make_room(part: Part, more: int) -> None:
    free = shutil.disk_usage(part.path.parent).free
    if more > free:
        raise NoRoom(
            f"it needs {more / 1e6:.0f} MB and {part.path.parent} has {free / 1e6:.0f} MB left"
        )


def receive(answer: HTTPResponse, part: Part, kept: int, total: int) -> str:
    """Write what comes behind the first `kept` bytes; the hash of it all."""
    digest: Any = hashlib.sha256()
    with part.path.open("r+b" if kept else "w+b") as sink:
        while sink.tell() < kept:
            digest.update(sink.read(min(weights_file.BLOCK, kept - sink.tell())))
        bar = dict(unit="B", unit_scale=True, disable=None, desc=part.path.name[1:-5])
        with tqdm(total=total or None, initial=kept, **bar) as shown:
            while block := answer.read(weights_file.BLOCK):
                sink.write(block)
                digest.update(block)
                shown.update(len(block))
        sink.flush()
        os.fsync(sink.fileno())  # the name must not outlive the content in a power cut
        size = sink.tell()
    if total and size != total:
        raise ConnectionError(f"it broke off after {size} of {total} bytes")
    return digest.hexdigest()
