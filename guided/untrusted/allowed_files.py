"""Which local models and lists may be opened when a record, a file of rows or a manifest, which
anyone may have written, says what is drawn.

Those that this command names, those of the user's own configuration, and what `trust=` allows:
trust=true everything, trust=PATH or trust=[PATH,PATH] these. `trust` counts on the command line
only. Without such a source everything may be opened, because the user named it. Imports no torch.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import yaml

from guided.errors import BadInput
from guided.text import split, unquoted

log = logging.getLogger(__name__)
NAME = "trust"
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
PLACES = (NAME, "wildcards", "cache", "init", "image_prompt")  # values that are always paths
ENDINGS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".yaml", ".yml")
CARDS = (".yaml", ".yml")
# Settings whose values are texts, or are read here as records and rows.
NO_PATHS = ("prompt", "negative", "from", "prompts", "resume", "name", "folder")


class Typed(Protocol):
    """A setting as typed: its name, and the text behind the equals sign."""

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str | None: ...


Word = TypeVar("Word", bound=Typed)


@dataclass
class Limits:
    """What a source may open."""

    source: str  # as typed: from=picture.png
    allowed: set[Path]  # absolute, links followed
    configured: Callable[[], set[Path]]  # of the user's own configuration; asked only when needed
    told: bool = False

    def allows(self, path: Path) -> bool:
        place = absolute(path)
        return place in self.allowed or place in self.configured()


LIMITS: ContextVar[Limits | None] = ContextVar("limits", default=None)


def apart(words: Sequence[Word]) -> tuple[list[Word], list[Word]]:
    """Return the words of `trust=` and the others."""
    own = [word for word in words if word.name == NAME]
    return own, [word for word in words if word.name != NAME]


@contextmanager
def limited(
    source: str, own: Sequence[Typed], words: Sequence[Typed], folders: Iterable[Path] = ()
) -> Iterator[None]:
    """While this is entered, only that is opened which `own` (the words of trust=), `words` (the
    others of the command) or the YAML in `folders` name. BadInput when trust= has another form."""
    values = [value for word in own for value in items(word.text)]
    if any(value.lower() == "true" for value in values):
        limits = None
    else:
        named = [value for word in words for value in paths_in(word)]
        places = [value for value in values if value.lower() not in ("false", "null")]
        missing = [place for place in places if not exists(place)]
        if missing:
            raise BadInput(
                f"{NAME}={missing[0]}: there is no such file or folder; {NAME} is true, or the "
                "files and folders that may be opened"
            )
        allowed = {absolute(Path(value)) for value in [*named, *places]}
        here, roots = Path.cwd(), list(folders)
        cards = [path for path in allowed if path.suffix.lower() in CARDS]
        limits = Limits(source, allowed, lambda: in_cards(cards) | in_folders(roots, here))
    token = LIMITS.set(limits)
    try:
        yield
    finally:
        LIMITS.reset(token)


def check(path: Path) -> None:
    """Raise BadInput, before the path is touched, if it may not be opened."""
    limits = LIMITS.get()
    if limits is None or limits.allows(path):
        return
    place = shlex.quote(str(absolute(path)))
    raise BadInput(
        f"{limits.source} needs {place}, a local file or folder that this command does not name; "
        f"if it is to be trusted, add {NAME}={place}, or {NAME}=true for all that it needs"
    )


def tell_of_picture(path: str) -> None:
    """Say that a source makes the run read a picture of the user's, which the command does not
    name."""
    limits = LIMITS.get()
    if limits is None or limits.told or limits.source.startswith("prompts="):
        return
    if absolute(Path(path)) not in limits.allowed:
        limits.told = True
        log.warning("%s names a local picture, which is read: %s", limits.source, path)


def word() -> str:
    """Return the `trust=` with which another process may open the same."""
    limits = LIMITS.get()
    if limits is None:
        return f"{NAME}=true"
    places = sorted(map(str, limits.allowed | limits.configured()))
    inside = ",".join("'" + place.replace("\\", "\\\\").replace("'", "\\'") + "'"
                      for place in places if Path(place).exists())  # fmt: skip
    return f"{NAME}=[{inside}]"


def items(text: str | None) -> list[str]:
    """Return the parts of a value that may be paths: `[a,RN50::b]` -> a, b."""
    inner = re.sub(r"^(\w*\(|\[)|[\])]$", "", (text or "").strip())
    found = [unquoted(inner)] if exists(unquoted(inner)) else split(inner)
    found += [item.partition("::")[2] for item in found if "::" in item]
    return [item for item in dict.fromkeys(found) if item and "\0" not in item]


def paths_in(word: Typed) -> list[str]:
    """Return the paths that a word names. The name of a choice is none: a folder of that name may
    lie beside a picture."""
    name = word.name
    if name in NO_PATHS:
        return []
    found = items(word.text)
    if name == "image_prompt":  # photo.jpg:0.5
        found += [item.rpartition(":")[0] for item in found if ":" in item]
    return [item for item in found if name in PLACES or is_path(item)]


def is_path(text: str) -> bool:
    return (
        text.startswith((".", "~"))
        or any(sign in text for sign in "/\\")
        or text.lower().endswith(ENDINGS)
    )


def exists(name: str) -> bool:
    return os.path.exists(os.path.expanduser(name))


def absolute(path: Path) -> Path:
    """Return where the path leads, links followed; the path itself where that cannot be said."""
    try:
        return Path(os.path.realpath(path.expanduser()))
    except (OSError, RuntimeError, ValueError):
        return path


def in_folders(folders: Iterable[Path], here: Path) -> set[Path]:
    """Return every path in the YAML of these folders, by the form that cards give them: it begins
    with / ~ or . and is from `here`."""
    files = (file for folder in folders for file in sorted(folder.glob("*.yaml")))
    found = (Path(text).expanduser() for file in files for text in texts_of(file) if own(text))
    return {absolute(here / path) for path in found}


def in_cards(cards: Iterable[Path]) -> set[Path]:
    """Return every path in model cards that the command names; relative ones are beside them."""
    found = ((card, text) for card in cards for text in texts_of(card))
    return {
        absolute(place / text) for card, text in found for place in (card.parent, Path.cwd())
        if place == card.parent or own(text)
    }  # fmt: skip


def own(text: str) -> bool:
    return text.startswith(("/", "~/", "./", "../"))


def texts_of(file: Path) -> list[str]:
    """Return every text in a YAML file; none where it cannot be read."""
    try:
        return list(texts(yaml.load(file.read_text(encoding="utf-8"), LOADER)))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []


def texts(node: object) -> Iterator[str]:
    """Yield every text in lists and mappings."""
    if isinstance(node, str) and len(node) < 4096 and "\0" not in node:
        yield node
    elif isinstance(node, dict | list):
        for inside in node.values() if isinstance(node, dict) else node:
            yield from texts(inside)
