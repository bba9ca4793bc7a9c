"""The hub's own cache: what is here of a repository, without asking the network; and fetching it.

Knows nothing about what the files are. HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE and the
proxies of the environment hold as huggingface_hub reads them.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guided.errors import shown

log = logging.getLogger(__name__)
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TRANSFORMERS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# Any of these is a tokenizer.
TOKENIZERS = ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "vocab.txt")
DESCRIPTION = "config.json"


def check(setting: str, place: str) -> None:
    """Raise ValueError if `place` is no owner/name or owner/name/file of the hub."""
    parts = place.split("/")
    plain = all(re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,95}", part) for part in parts)
    if not plain or not 2 <= len(parts) <= 8 or ".." in place:
        raise ValueError(
            f"{setting}={shown(ascii(place))} must be a repository of huggingface.co, as in "
            f"{setting}: owner/name or owner/name/file"
        )


def cached(repository: str, *names: str) -> Path | None:
    """The first of these files that is in the cache."""
    from huggingface_hub import try_to_load_from_cache

    found = (try_to_load_from_cache(repository, name) for name in names)
    return next((Path(path) for path in found if isinstance(path, str)), None)


def weights(place: str) -> Path | None:
    """The weights of an open_clip model in the cache; `place` is repository or repository/file."""
    repository, file = split(place)
    return cached(repository, *((safer(file), file) if file else WEIGHTS))


def split(place: str) -> tuple[str, str]:
    """owner/name/file -> owner/name and file; the file may be none."""
    parts = place.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


def safer(file: str) -> str:
    """The name that the same weights have as safetensors."""
    return f"{file.rpartition('.')[0]}.safetensors"


def has_text(repository: str, tower: bool) -> bool:
    """Is its tokenizer in the cache and, if a text tower is built from it, the description?"""
    needed = (TOKENIZERS, (DESCRIPTION,)) if tower else (TOKENIZERS,)
    return all(cached(repository, *names) is not None for names in needed)


def fetch(repository: str, *alternatives: tuple[str, ...]) -> None:
    """Of each tuple of names the first that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for names in alternatives:
        for name in names:
            try:
                hf_hub_download(repository, name)
                break
            except LocalEntryNotFoundError:  # not asked, or not answered
                raise
            except EntryNotFoundError:
                log.info("%s has no %s", repository, name)


@contextmanager
def offline() -> Iterator[None]:
    """Libraries that ask the hub for what is in its cache anyway do not ask in here."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextmanager
def quiet() -> Iterator[None]:
    """The hub reports every attempt, twice; what comes of them is said once, by us."""
    import huggingface_hub.utils  # which makes the loggers

    talk = logging.getLogger(huggingface_hub.__name__)
    before = [(logger, logger.level) for logger in children(talk)]
    for logger in children(talk):
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


def children(logger: logging.Logger) -> list[logging.Logger]:
    """The logger and those below it that there are."""
    known = logging.Logger.manager.loggerDict.items()
    below = [found for name, found in known if name.startswith(f"{logger.name}.")]
    return [logger, *(found for found in below if isinstance(found, logging.Logger))]
