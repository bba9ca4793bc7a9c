"""Downloading weights: each mirror in turn, one process at a time, damaged files again.

Runs only if the user asks for it; transfer.py fetches a single address.
"""

import logging
import os
import socket
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock, Timeout

from guided.errors import BadInput, shown
from guided.models import hub, open_clip_registry, weights_file
from guided.models.cards import LARGEST, ClipCard, WeightsCard, cache, is_path, locate
from guided.models.transfer import ADDRESSES, NoRoom, may_ask, transfer

log = logging.getLogger(__name__)
HUB = "https://huggingface.co"


def fetch(card: WeightsCard) -> Path:
    """Return the card's weights, verified, downloaded if missing or damaged. BadInput if no mirror
    has them."""
    present = whole(card)
    if present is not None:
        return present
    target = card.target()
    refuse_addresses(card)
    with locked(target):
        if (present := whole(card)) is not None:  # another process has fetched it
            return present
        if target.exists():
            refuse_others(card, target)
            log.warning("%s is fetched again: it is not as it should be", target)
        refuse_offline()
        return from_mirrors(card, target)


def whole(card: WeightsCard) -> Path | None:
    """Return the card's local weights, verified; None if they have to be downloaded. BadInput if a
    file of the package or the user is damaged or missing."""
    present = locate(card.file)
    wrong = weights_file.verify(present, card.sha256) if present else None
    if present and not wrong:
        return present
    if is_path(card.file) or present not in (None, cache() / card.file):
        raise BadInput(
            f"{card.GROUP}={card.name}: {present} is damaged: {wrong}"
            if present
            else card.missing()
        )
    return None


def refuse_others(card: WeightsCard, target: Path) -> None:
    """Raise BadInput if the file there was downloaded with another checksum than the card's."""
    noted = weights_file.note(target)
    if noted and card.sha256 and noted["sha256"] != card.sha256:
        raise BadInput(
            f"{card.GROUP}={card.name}: {target} is the file of another card, of SHA-256 "
            f"{noted['sha256']}; another name in {card.GROUP}.file keeps both"
        )


def check(card: WeightsCard, trust: bool) -> None:
    """Raise BadInput if the card's weights would be downloaded to another folder than the cache,
    from an address that may not be requested, or without a checksum unless `trust`."""
    if whole(card) is not None:
        return
    card.target()
    refuse_addresses(card)
    if card.urls and not card.sha256 and not trust:
        raise BadInput(
            f"{card.GROUP}={card.name}: its card has no checksum (sha256), so nothing tells what "
            f"{shown(card.urls[0])} sends; trust=true in the command downloads it all the same, "
            f"and {card.GROUP}.sha256=... or sha256: ... in the card checks it"
        )


def check_clip(card: ClipCard, known: Iterable[str], trust: bool) -> None:
    """Raise BadInput if a CLIP would be downloaded from a repository of the hub that is neither
    open_clip's for its tag nor among the `known` ones, unless `trust`."""
    if card.path or not card.hub or trust or card.hub in known or card.here():
        return
    if not card.chinese and open_clip_registry.tags(card.arch).get(card.tag) == card.hub:
        return
    raise BadInput(
        f"clip={card.name}: nothing is known of huggingface.co/{card.hub}; trust=true in the "
        "command downloads it all the same; models=list shows known ones"
    )


def refuse_addresses(card: WeightsCard) -> None:
    """Raise BadInput if the card has an address that may not be requested."""
    for url in map(mirrored, card.urls):
        if not may_ask(url):
            raise BadInput(f"{card.GROUP}.urls={shown(ascii(url))}: {ADDRESSES}")


def most_bytes(card: WeightsCard) -> int:
    """Return the limit of a download in bytes: a quarter more than the card's rounded size, or the
    general maximum if the card has none."""
    return int(card.megabytes * 1.25e6) + 16_000_000 if card.megabytes else LARGEST * 1_000_000


def from_mirrors(card: WeightsCard, target: Path) -> Path:
    """Download the weights from the first mirror that has them; BadInput with each reason."""
    failures: dict[str, Exception] = {}
    for url in map(mirrored, card.urls):
        if failures:
            log.warning("%s; trying the next mirror", why(*list(failures.items())[-1]))
        try:
            return transfer(url, target, card.sha256, most_bytes(card))
        except NoRoom as error:
            raise BadInput(
                f"{card.GROUP}={card.name}: {error}; cache=FOLDER keeps models elsewhere"
            ) from error
        except (OSError, ValueError, HTTPException) as error:  # gone, cut off, or altered
            failures[url] = error
    if failures and all(
        isinstance(getattr(e, "reason", None), socket.gaierror) for e in failures.values()
    ):
        raise BadInput(
            f"{card.GROUP}={card.name}: no address of its mirrors can be looked up; is there a "
            "network?"
        )
    raise BadInput(
        f"{card.GROUP}={card.name}: no mirror had it: "
        f"{'; '.join(why(*failure) for failure in failures.items()) or 'none is known'}"
    )


def why(url: str, error: Exception) -> str:
    """Return the address and the reason, which urllib wraps, in printable characters."""
    text = f"{url} ({getattr(error, 'reason', error)})"
    return "".join(sign if sign.isprintable() else "?" for sign in text)[:500]


def locked(target: Path) -> FileLock:
    """Return a lock against other processes that download the same file, which the system frees
    when a process ends. BadInput if the folder is not writable."""
    path = target.with_name(f".{target.name}.lock")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
    except OSError as error:
        raise BadInput(
            f"cache={target.parent} cannot be written to ({error.strerror}); cache=FOLDER or "
            "GUIDED_CACHE names another"
        ) from error
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s is being fetched by another process: waiting for it", target.name)
        return lock
    lock.release()
    return lock


def mirrored(url: str) -> str:
    """Return the address with HF_ENDPOINT, a mirror of the hub, in place of huggingface.co."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return endpoint + url.removeprefix(HUB) if endpoint and url.startswith(f"{HUB}/") else url


def fetch_clip(card: ClipCard) -> None:
    """Download a CLIP into the hub's cache, which resumes, locks and verifies. BadInput if the hub
    does not have it or cannot be reached."""
    if card.missing() is None:
        return
    refuse_offline()
    try:
        with hub.quiet():
            fetch_from_hub(card)
    except BadInput as error:
        raise BadInput(f"clip={card.name}: {error}") from error
    except Exception as error:  # of huggingface_hub, requests or httpx, depending on the release
        reason = str(error).strip().splitlines()[0]
        raise BadInput(
            f"clip={card.name}: huggingface.co/{card.hub} could not be fetched ({reason}); "
            "HF_ENDPOINT=https://... names a mirror of the hub"
        ) from error
    if (missing := card.missing()) is not None:
        raise BadInput(f"{missing}, which does not have all of it")


def fetch_from_hub(card: ClipCard) -> None:
    """Download all files of a CLIP from the hub."""
    if card.chinese:
        about = ((hub.DESCRIPTION,), ("preprocessor_config.json",), ("vocab.txt",))
        hub.fetch(card.hub, *about, hub.TRANSFORMERS_WEIGHTS)
        return
    repository, file = hub.split(card.hub)
    hub.fetch(repository, (hub.safer(file), file) if file else hub.WEIGHTS)
    for text in card.texts():
        hub.fetch(text, (hub.DESCRIPTION,), ("tokenizer_config.json",), hub.TOKENIZERS)


def refuse_offline() -> None:
    """Raise BadInput if HF_HUB_OFFLINE is set."""
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        raise BadInput("HF_HUB_OFFLINE is set, so nothing is downloaded: unset it to fetch models")
