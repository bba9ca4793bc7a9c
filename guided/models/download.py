"""Fetching weights: every mirror in turn, checked while it streams, in place only when whole.

Knows nothing about what the weights are. Runs only when a user asks for it.
"""

import hashlib
import logging
import os
import urllib.error
import urllib.request
from pathlib import Path

from tqdm import tqdm

from guided.errors import BadInput
from guided.models.cards import ClipCard, WeightsCard, cache, locate

log = logging.getLogger(__name__)
BLOCK = 1 << 20


def fetch(card: WeightsCard) -> Path:
    """The card's weights in the cache, fetched if need be. BadInput when no mirror has them."""
    present = locate(card.file)
    if present is not None:
        return present
    refuse_offline()
    target = cache() / card.file
    target.parent.mkdir(parents=True, exist_ok=True)
    failures = []
    for url in card.urls:
        try:
            return stream(url, target, card.sha256)
        except (OSError, ValueError) as error:  # a mirror that is gone, cut off, or altered
            log.warning("%s: %s", url, error)
            failures.append(f"{url} ({error})")
    raise BadInput(
        f"{card.GROUP}={card.name}: no mirror had it: {'; '.join(failures) or 'none is known'}"
    )


def stream(url: str, target: Path, sha256: str) -> Path:
    """One mirror into `target`, by way of a .part file; ValueError when the checksum differs."""
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        copy(url, part, sha256)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target


def copy(url: str, part: Path, sha256: str) -> None:
    digest, size = hashlib.sha256(), 0
    with urllib.request.urlopen(url, timeout=30) as source, part.open("wb") as sink:
        total = int(source.headers.get("Content-Length") or 0)
        with tqdm(total=total, unit="B", unit_scale=True, desc=url.rpartition("/")[2]) as bar:
            while block := source.read(BLOCK):
                sink.write(block)
                digest.update(block)
                size += len(block)
                bar.update(len(block))
    if total and size != total:
        raise ValueError(f"it ended after {size} of {total} bytes")
    if sha256 and digest.hexdigest() != sha256:
        raise ValueError(f"its SHA-256 is {digest.hexdigest()}, expected {sha256}")


def fetch_clip(card: ClipCard) -> None:
    """Into open_clip's own store, by its own means."""
    if card.folder() is not None or card.cached() is not None:
        return
    refuse_offline()
    from guided.clip import import_open_clip

    open_clip = import_open_clip()
    open_clip.download_pretrained(open_clip.get_pretrained_cfg(card.arch, card.tag))


def refuse_offline() -> None:
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        raise BadInput("HF_HUB_OFFLINE is set, so nothing is downloaded: unset it to fetch models")
