"""Fetching weights: every mirror in turn, one process at a time, whatever is damaged again.

Knows nothing about what the weights are, nor how one address is fetched (transfer.py). Runs only
when a user asks for it.
"""

import logging
import os
import socket
from http.client import HTTPException
from pathlib import Path

from filelock import FileLock, Timeout

from guided.errors import BadInput
from guided.models import hub, weights_file
from guided.models.cards import ClipCard, WeightsCard, cache, is_path, locate
from guided.models.transfer import NoRoom, transfer

log = logging.getLogger(__name__)
HUB = "https://huggingface.co"


def fetch(card: WeightsCard) -> Path:
    """The card's weights, verified, and fetched if they are not here or not whole. BadInput when
    no mirror has them."""
    target = cache() / card.file
    present = locate(card.file)
    if is_path(card.file) or present not in (None, target):  # the package's or the user's own file
        present = card.path()
        if (wrong := weights_file.verify(present, card.sha256)) is not None:
            raise BadInput(f"{card.GROUP}={card.name}: {present} is damaged: {wrong}")
        return present
    with alone(target):
        if target.exists():
            wrong = weights_file.verify(target, card.sha256)
            if wrong is None:
                return target
            log.warning("%s is fetched again: %s", target, wrong)
        refuse_offline()
        return from_mirrors(card, target)


def from_mirrors(card: WeightsCard, target: Path) -> Path:
    failures: dict[str, Exception] = {}
    for url in map(mirrored, card.urls):
        if failures:
            log.warning("%s; trying the next mirror", why(*list(failures.items())[-1]))
        try:
            return transfer(url, target, card.sha256)
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
    """`reason` is what urllib wraps."""
    return f"{url} ({getattr(error, 'reason', error)})"


def alone(target: Path) -> FileLock:
    """Holds off other processes that fetch the same file; the system frees it when one dies."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        log.warning("%s is being fetched by another process: waiting for it", target.name)
        return lock
    lock.release()
    return lock


def mirrored(url: str) -> str:
    """HF_ENDPOINT stands in for huggingface.co, which not everybody can reach."""
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/")
    return endpoint + url.removeprefix(HUB) if endpoint and url.startswith(f"{HUB}/") else url


def fetch_clip(card: ClipCard) -> None:
    """Into the hub's own cache, by its own means: they resume, lock and verify. BadInput when the
    hub does not have it, or cannot be reached."""
    if card.missing() is None:
        return
    refuse_offline()
    try:
        with hub.quiet():
            fetch_from_hub(card)
    except Exception as error:  # of huggingface_hub, requests or httpx, whichever it is by now
        reason = str(error).strip().splitlines()[0]
        raise BadInput(
            f"clip={card.name}: huggingface.co/{card.hub} could not be fetched ({reason}); "
            "HF_ENDPOINT=https://... names a mirror of the hub"
        ) from error
    if (missing := card.missing()) is not None:
        raise BadInput(f"{missing}, which does not have all of it")


def fetch_from_hub(card: ClipCard) -> None:
    if card.chinese:
        about = ((hub.DESCRIPTION,), ("preprocessor_config.json",), ("vocab.txt",))
        hub.fetch(card.hub, *about, hub.TRANSFORMERS_WEIGHTS)
        return
    repository, file = hub.split(card.hub)
    hub.fetch(repository, (hub.safer(file), file) if file else hub.WEIGHTS)
    for text in card.texts():
        hub.fetch(text, (hub.DESCRIPTION,), ("tokenizer_config.json",), hub.TOKENIZERS)


def refuse_offline() -> None:
    if os.environ.get("HF_HUB_OFFLINE", "0").lower() in ("1", "true", "yes", "on"):
        raise BadInput("HF_HUB_OFFLINE is set, so nothing is downloaded: unset it to fetch models")
