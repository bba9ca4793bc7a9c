"""The cache of huggingface_hub: looking files up without the network, and fetching them.

HF_HOME, HF_HUB_CACHE, HF_ENDPOINT, HF_HUB_OFFLINE and the environment's proxies work as in
huggingface_hub.
"""

import logging
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from guided.compat.replacing import replaced
from guided.errors import BadInput, shown

log = logging.getLogger(__name__)
WEIGHTS = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
TRANSFORMERS_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
# Files of tokenizers, any one of which suffices.
TOKENIZERS = ("tokenizer.json", "sentencepiece.bpe.model", "spiece.model", "vocab.txt")
DESCRIPTION = "config.json"
LARGEST_WEIGHTS, LARGEST = 20_000, 256  # MB, of weights and of other files


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
    """Return the first of these files that is in the cache, or None."""
    from huggingface_hub import try_to_load_from_cache

    paths = (try_to_load_from_cache(repository, name) for name in names)
    return next((Path(path) for path in paths if isinstance(path, str)), None)


def weights(place: str) -> Path | None:
    """Return the cached weights of an open_clip model at `place`: repository, or with /file."""
    repository, file = split(place)
    return cached(repository, *((safer(file), file) if file else WEIGHTS))


def split(place: str) -> tuple[str, str]:
    """Return owner/name and the file, which may be empty, of owner/name/file."""
    parts = place.split("/")
    return "/".join(parts[:2]), "/".join(parts[2:])


def safer(file: str) -> str:
    """Return the name of the same weights as safetensors."""
    return f"{file.rpartition('.')[0]}.safetensors"


def has_text(repository: str, tower: bool) -> bool:
    """Return whether the tokenizer is cached and, with `tower`, the text tower's description."""
    needed = (TOKENIZERS, (DESCRIPTION,)) if tower else (TOKENIZERS,)
    return all(cached(repository, *names) is not None for names in needed)


def fetch(repository: str, *alternatives: tuple[str, ...]) -> None:
    """Fetch the first file of each tuple of names that the repository has."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

    for names in alternatives:
        for name in names:
            try:
                check_size(repository, name)
                hf_hub_download(repository, name)
                break
            except LocalEntryNotFoundError:  # offline, or no answer
                raise
            except EntryNotFoundError:
                log.info("%s has no %s", repository, name)


def check_size(repository: str, name: str) -> None:
    """Raise BadInput if a file that is not cached is larger than such files are, or than the free
    disk. Raise huggingface_hub's errors."""
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url

    if constants.HF_HUB_OFFLINE or cached(repository, name) is not None:
        return
    size = (get_hf_file_metadata(hf_hub_url(repository, name)).size or 0) / 1e6
    weights = name.endswith((".safetensors", ".bin", ".pt", ".pth"))
    if size > (most := LARGEST_WEIGHTS if weights else LARGEST):
        raise BadInput(f"{repository}/{name} has {size:.0f} MB, more than the {most} allowed")
    folder = Path(constants.HF_HUB_CACHE).absolute()
    place = next(path for path in (folder, *folder.parents) if path.exists())
    if size > (free := shutil.disk_usage(place).free / 1e6):
        raise BadInput(
            f"{repository}/{name} needs {size:.0f} MB and {place} has {free:.0f} MB left; "
            "HF_HUB_CACHE names another folder"
        )


@contextmanager
def offline() -> Iterator[None]:
    """Keep libraries from asking the hub for files that are in its cache."""
    from huggingface_hub import constants

    with replaced(constants, "HF_HUB_OFFLINE", True):
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Silence huggingface_hub's loggers; the caller reports the result."""
    import huggingface_hub.utils  # which makes the loggers

    root = logging.getLogger(huggingface_hub.__name__)
    before = [(logger, logger.level) for logger in children(root)]
    for logger in children(root):
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in before:
            logger.setLevel(level)


def children(logger: logging.Logger) -> list[logging.Logger]:
    """Return the logger and the existing loggers below it."""
    known = logging.Logger.manager.loggerDict.items()
    below = [child for name, child in known if name.startswith(f"{logger.name}.")]
    return [logger, *(child for child in below if isinstance(child, logging.Logger))]
