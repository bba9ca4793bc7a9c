"""Local models and lists that may be opened for settings from an untrusted record, file of rows or
manifest.

Allowed are those that the command names, those of the user's own configuration, and those of
`trust=`: trust=true all, trust=PATH or trust=[PATH,PATH] these. `trust` is read from the command
line only. Without an untrusted source everything is allowed. Imports no torch.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

import yaml

from guided.errors import BadInput
from guided.text import split, unquoted
from guided.untrusted.regular_files import MB, read_text

log = logging.getLogger(__name__)
NAME = "trust"
# Settings whose values are always paths.
PLACES = (
    *("wildcards", "cache"),
    *("init", "image_prompt", "keep_composition", "mask.area"),
    *("animate.before", "animate.after", "animate.first"),
    *("animate.depth", "animate.video", "animate.audio"),
)
ENDINGS = (".pt", ".pth", ".ckpt", ".bin", ".safetensors", ".yaml", ".yml")
CARDS = (".yaml", ".yml")
LONGEST = 4096  # characters of a path
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
OF_REGION = re.compile(r"\b(?:mask|image)[\"']?\s*[:：]\s*([^,，{}]+)")  # a path in regions=
# Settings whose values are texts, or untrusted sources themselves.
NO_PATHS = (NAME, "prompt", "negative", "from", "prompts", "resume", "name", "folder")


@dataclass
class Limits:
    """The files that an untrusted source may open."""

    source: str  # as typed: from=picture.png
    allowed: set[Path]  # absolute, links followed
    configured: Callable[[], set[Path]]  # of the user's configuration, read when needed
    warned: bool = False

    def allows(self, path: Path) -> bool:
        """Return whether the path, links followed, is allowed."""
        place = absolute(path)
        return place in self.allowed or place in self.configured()


LIMITS: ContextVar[Limits | None] = ContextVar("limits", default=None)


@contextmanager
def limited(source: str, typed: Mapping[str, str], folders: Iterable[Path] = ()) -> Iterator[None]:
    """Allow, for as long as the block lasts, only files that the `typed` texts of settings, trust=
    among them, or YAML files in `folders` name. Raise BadInput if trust= names a missing file."""
    values = items(typed.get(NAME, ""))
    if any(value.lower() == "true" for value in values):
        limits = None
    else:
        named = [path for name, text in typed.items() for path in paths_in(name, text)]
        places = [value for value in values if value.lower() not in ("false", "null")]
        missing = [place for place in places if not exists(place)]
        if missing:
            raise BadInput(
                f"{NAME}={missing[0]}: there is no such file or folder; {NAME} is true, or the "
                "files and folders that may be opened"
            )
        places += [file for folder in places for file in weights_in(folder)]
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
    """Raise BadInput if the path is not allowed. Nothing at the path is read."""
    limits = LIMITS.get()
    if limits is None or limits.allows(path):
        return
    place = shlex.quote(str(absolute(path)))
    raise BadInput(
        f"{limits.source} needs {place}, a local file or folder that this command does not name; "
        f"if it is to be trusted, add {NAME}={place}, or {NAME}=true for all that it needs"
    )


def warn_of_picture(path: str) -> None:
    """Warn, once, that an untrusted source names a local picture which the command does not."""
    limits = LIMITS.get()
    if limits is None or limits.warned or limits.source.startswith("prompts="):
        return
    if absolute(Path(path)) not in limits.allowed:
        limits.warned = True
        log.warning("%s names a local picture, which is read: %s", limits.source, path)


def word() -> str:
    """Return the `trust=` that allows another process the same files."""
    limits = LIMITS.get()
    if limits is None:
        return f"{NAME}=true"
    places = sorted(map(str, limits.allowed | limits.configured()))
    inside = ",".join(quoted(place) for place in places if Path(place).exists())
    return f"{NAME}=[{inside}]"


def quoted(text: str) -> str:
    """Return the text in single quotes, as `guided.text.unquoted` reads it: backslashes are
    escaped only where there are quotes to escape."""
    return "'" + (re.sub(r"([\\'])", r"\\\1", text) if "'" in text else text) + "'"


def items(text: str) -> list[str]:
    """Return the parts of a value that may be paths: `[a,RN50::b]` -> a, RN50::b, b."""
    inner = re.sub(r"^(\w*\(|\[)|[\])]$", "", text.strip())
    parts = [unquoted(inner)] if exists(unquoted(inner)) else split(inner)
    parts += [part.partition("::")[2] for part in parts if "::" in part]
    return [part for part in dict.fromkeys(parts) if part and "\0" not in part]


def paths_in(name: str, text: str) -> list[str]:
    """Return the paths that the text of a setting names. The name of a choice is none, although a
    folder may have the same name."""
    if name in NO_PATHS:
        return []
    if name == "regions":
        return [unquoted(found.strip()) for found in OF_REGION.findall(text)]
    values = items(text)
    if name == "image_prompt":  # photo.jpg:0.5
        values += [value.rpartition(":")[0] for value in values if ":" in value]
    if name == "model":
        values += [file for value in values if is_path(value) for file in weights_in(value)]
    return [value for value in values if name in PLACES or is_path(value)]


def weights_in(name: str) -> list[str]:
    """Return the files of weights in a folder in diffusers' format; none if it is no folder."""
    folder = Path(os.path.expanduser(name))
    if not os.path.isdir(folder):
        return []
    return [str(file) for part in ("*", "*/*") for file in folder.glob(f"{part}.safetensors")]


def is_path(text: str) -> bool:
    """Return whether a text looks like a path rather than a name."""
    return (
        text.startswith((".", "~"))
        or any(sign in text for sign in "/\\")
        or text.lower().endswith(ENDINGS)
    )


def exists(name: str) -> bool:
    """Return whether there is a file or folder of this name, `~` expanded."""
    return os.path.exists(os.path.expanduser(name))


def absolute(path: Path) -> Path:
    """Return the absolute path with links followed, or the path itself if that fails."""
    try:
        return Path(os.path.realpath(path.expanduser()))
    except (OSError, RuntimeError, ValueError):
        return path


def in_folders(folders: Iterable[Path], here: Path) -> set[Path]:
    """Return every path in the YAML files of these folders: a text that begins with /, ~ or .,
    relative to `here`."""
    files = (file for folder in folders for file in sorted(folder.glob("*.yaml")))
    paths = (Path(text).expanduser() for file in files for text in texts_of(file) if rooted(text))
    return {absolute(here / path) for path in paths}


def in_cards(cards: Iterable[Path]) -> set[Path]:
    """Return every path in the given model cards; relative ones are relative to the card."""
    named = ((card, text) for card in cards for text in texts_of(card))
    return {
        absolute(place / text) for card, text in named for place in (card.parent, Path.cwd())
        if place == card.parent or rooted(text)
    }  # fmt: skip


def rooted(text: str) -> bool:
    """Return whether the text is a path that begins at the root, a home or the current folder."""
    return text.startswith(("/", "~/", "./", "../"))


def texts_of(file: Path) -> list[str]:
    """Return every text in a YAML file of bounded size; none if it cannot be read."""
    try:
        return list(texts(yaml.load(read_text(file, MB), LOADER), set()))
    except (OSError, ValueError, yaml.YAMLError, RecursionError):
        return []


def texts(node: object, seen: set[int]) -> Iterator[str]:
    """Yield every text in lists and mappings, of which each is visited once, although aliases may
    refer to it many times; `seen` has the ids of those visited."""
    if isinstance(node, str) and len(node) < LONGEST and "\0" not in node:
        yield node
    elif isinstance(node, dict | list) and id(node) not in seen:
        seen.add(id(node))
        for inside in node.values() if isinstance(node, dict) else node:
            yield from texts(inside, seen)
