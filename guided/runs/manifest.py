"""manifest.json: the rows of a batch and the state of each of its pictures.

Written before the first step and after every change, or, if that takes long, now and then; the
changes since are in another file (changes.py). batch/queue.py decides who writes what when.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import cache
from operator import attrgetter
from pathlib import Path
from typing import Any

from guided.errors import BadInput, is_finite
from guided.runs import changes, files
from guided.runs.layout import MANIFEST, OTHERS, image_names
from guided.runs.metadata import encodable
from guided.untrusted.regular_files import read_text
from guided.version import __version__

LARGEST = 1 << 28  # bytes; 100,000 pictures are fewer than 100 million
QUEUED, RUNNING, DONE, FAILED, SKIPPED = STATES = (
    *("queued", "running", "done", "failed", "skipped"),
)
WORKER = re.compile(r"(?!\.{1,2}$)[\w.-]{1,200}", re.ASCII)  # becomes part of a file's name
MOST = 10**9  # pictures; more digits fit no file name
YOUNGER, NONE = ("unwanted", "frame"), ("", None)  # entries that 0.1 did not write, when empty
# What holds for all rows of a batch whose base lacks a name, which was made before its default.
OLDER = {
    "manner": "manner=none",
    "guide": "guide=[clip,range]",
    "rank": "rank=null",
    "restarts": "restarts=0",
}
UNREADABLE = (
    *(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError),
    ArithmeticError,
)


@dataclass
class Row:
    """Settings of one row of a batch, on top of those that all rows share."""

    words: list[str] = field(default_factory=list)  # as typed: name=value
    settings: dict[str, Any] = field(default_factory=dict)  # the same, for people to read
    where: str = ""  # file and line of the row
    wrong: str = ""  # why it cannot be read
    # Artists and looks by the names of their files, however they were typed; null: not known.
    presets: dict[str, list[str]] | None = None

    def __post_init__(self) -> None:
        self.settings = with_text_keys(self.settings)

    def wrong_fields(self) -> Iterator[str]:
        """Yield the names of fields that have the wrong type."""
        if not all_texts(self.words):
            yield "words"
        if not isinstance(self.settings, dict):
            yield "settings"
        for name in ("where", "wrong"):
            if not isinstance(getattr(self, name), str):
                yield name
        if not (self.presets is None or is_lists_of_texts(self.presets)):
            yield "presets"


@dataclass
class Picture:
    """One picture of a batch. Its number, row and seed never change."""

    number: int
    row: int
    seed: int
    prompt: str = ""  # with its wildcards decided, without the unwanted ones
    state: str = QUEUED
    file: str | None = None  # relative to the folder
    score: float | None = None
    seconds: float | None = None
    why: str | None = None  # it failed, or may not show what was asked for; one line
    worker: str | None = None
    model: str = ""
    group: int = 0  # number of the first of the pictures that are drawn together with it
    unwanted: str = ""  # prompts of negative weight
    frame: int | None = None  # its number in a film; None: it is no frame of one

    @property
    def open(self) -> bool:
        return self.state in (QUEUED, RUNNING)

    def wrong_fields(self, rows: int) -> Iterator[str]:
        """Yield the names of fields with values that no picture of a batch with `rows` rows has.
        A name that no worker can have is removed, and so are numbers that are not finite."""
        right = {
            "row": type(self.row) is int and 0 <= self.row < rows,
            "seed": type(self.seed) is int and self.seed >= 0,
            "group": type(self.group) is int and 0 <= self.group <= self.number,
            "state": self.state in STATES,
            "frame": self.frame is None or (type(self.frame) is int and self.frame >= 0),
            "file": self.file is None or self.file in self.possible_files(),
            **{
                name: isinstance(getattr(self, name), str)
                for name in ("prompt", "unwanted", "model")
            },
            "why": isinstance(self.why, str | None),
            **{name: is_number(getattr(self, name)) for name in ("score", "seconds")},
        }
        if not (isinstance(self.worker, str) and WORKER.fullmatch(self.worker)):
            self.worker = None
            self.state = QUEUED if self.state == RUNNING else self.state
        for name in ("score", "seconds"):
            value = getattr(self, name)
            if right[name] and value is not None and not is_finite(value):
                setattr(self, name, None)
        yield from (name for name, fits in right.items() if not fits)

    def possible_files(self) -> list[str]:
        """Return the paths that it may have in the batch's folder."""
        names = image_names(self.number)
        return [*names, *(f"{OTHERS}/{name}" for name in names)]


@dataclass
class Manifest:
    """The rows and pictures of a batch."""

    title: str
    base: dict[str, Any]  # words: shared by all rows; flags: Hydra's; settings: a record's
    rows: list[Row]
    pictures: list[Picture]
    version: int = 1
    guided: str = __version__
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    # Those that have changed since it was saved.
    changed: dict[int, Picture] = field(default_factory=dict, init=False, compare=False)

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """Return the manifest of a batch's folder, to go on with. BadInput if there is none, or
        any of it cannot be right. Entries that a later version added are ignored.

        The file is untrusted: no path in it leads out of the folder; its words are unchanged (see
        guided.config.values.trusted_words)."""
        path = folder / MANIFEST
        try:
            content, changed = loaded(folder)
            entries = {"title": None, "base": None, **known(cls, content)}
            entries["rows"] = [Row(**known(Row, row)) for row in listed(content, "rows")]
            needed: dict[str, Any] = dict.fromkeys(("number", "row", "seed"))
            entries["pictures"] = [
                Picture(**needed | known(Picture, one)) for one in listed(content, "pictures")
            ]
            manifest = cls(**entries)
            manifest.apply(changed)
            manifest.check()
            return manifest
        except FileNotFoundError:
            raise BadInput(f"{folder} is no folder of a batch: it has no {MANIFEST}") from None
        except UNREADABLE as error:
            raise unreadable(path, error) from error

    @classmethod
    def read_leniently(cls, folder: Path) -> Manifest:
        """Return the part of a manifest that can be understood, to show it: values that cannot be
        right are replaced by the defaults, and pictures without a number, row or seed are left
        out. BadInput if it is no JSON mapping."""
        path = folder / MANIFEST
        try:
            content, changed = loaded(folder)
            rows = [lenient_row(row) for row in as_list(content.get("rows"))]
            entries = [*as_list(content.get("pictures")), *changed]
            pictures = {
                picture.number: picture
                for entry in entries
                if (picture := lenient_picture(entry, len(rows))) is not None
            }
        except UNREADABLE as error:
            raise unreadable(path, error) from error
        base, title, made = (content.get(name) for name in ("base", "title", "made"))
        return cls(
            title=title if isinstance(title, str) else "",
            base=base if isinstance(base, dict) else {},
            rows=rows,
            pictures=[pictures[number] for number in sorted(pictures)],
            made=made if isinstance(made, str) else "",
        )

    def check(self) -> None:
        """Raise ValueError if any entry cannot be right."""
        if not isinstance(self.base, dict):
            raise ValueError("its base is no mapping")
        words, settings = self.base.get("words"), self.base.get("settings")
        flags = self.base.get("flags", [])
        if not (all_texts(words) and all_texts(flags) and isinstance(settings, dict | None)):
            raise ValueError("its base has no words, flags and settings")
        if not isinstance(self.title, str):
            raise ValueError("its title is no text")
        for number, row in enumerate(self.rows):
            if any(row.wrong_fields()):
                raise ValueError(f"row {number} has no words and settings")
        for number, picture in enumerate(self.pictures):
            if type(picture.number) is not int or picture.number != number:
                raise ValueError(f"picture {number} has the number {picture.number!r}")
            for name in picture.wrong_fields(len(self.rows)):
                raise ValueError(f"picture {number} has {name} {getattr(picture, name)!r:.60}")
            first = self.pictures[picture.group]
            if (first.group, first.row) != (picture.group, picture.row):
                raise ValueError(f"picture {number} is of no group")

    def change(self, picture: Picture, **values: Any) -> None:
        """Set fields of a picture, and note that it has changed."""
        vars(picture).update(values)
        self.changed[picture.number] = picture

    def apply(self, entries: Iterable[dict[str, Any]]) -> None:
        """Put changed pictures in the place of those of their numbers. LookupError or ValueError
        if there is none of the same row and group."""
        for entry in entries:
            now = Picture(**known(Picture, entry))
            was = self.pictures[now.number]
            if fixed(now) != fixed(was) or any(now.wrong_fields(len(self.rows))):
                raise ValueError(f"its changes have a picture {now.number!r:.60} that is another")
            vars(was).update(vars(now))

    def write(self, folder: Path) -> None:
        """Write it with one picture a line, so that people can read it too."""
        head = {key: getattr(self, key) for key in ("version", "guided", "made", "title", "base")}
        parts = [f'"{key}": {as_json(value)}' for key, value in head.items()]
        for key, entries in (("rows", self.rows), ("pictures", self.pictures)):
            lines = ",\n".join(map(as_line, entries))
            parts.append(f'"{key}": [\n{lines}\n]')
        text = encodable("{" + ",\n".join(parts) + "}\n")
        files.write(folder / MANIFEST, text.encode(), durable=True)

    def of_row(self, row: int) -> Iterator[Picture]:
        return (picture for picture in self.pictures if picture.row == row)

    def count(self, *states: str) -> int:
        return sum(picture.state in states for picture in self.pictures)

    def mean_score(self) -> float | None:
        scores = [one.score for one in self.pictures if one.score is not None]
        return sum(scores) / len(scores) if scores else None

    @property
    def failed(self) -> list[Picture]:
        return [picture for picture in self.pictures if picture.state == FAILED]


fixed = attrgetter("number", "row", "seed", "group", "frame")


def loaded(folder: Path) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return a manifest's JSON and the changes since. Without its lock, both may be replaced in
    between, and are read again."""
    path, before = folder / MANIFEST, None
    while before != (before := stamp(path)):
        content = load(path)
        changed = changes.read(folder, LARGEST)
    return content, changed


def stamp(path: Path) -> tuple[int, int]:
    """Return what changes when a file is written."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def load(path: Path) -> dict[str, Any]:
    """Return a manifest's JSON. OSError or ValueError if it cannot be read or is no mapping."""
    content = json.loads(read_text(path, LARGEST, follow=False))
    if not isinstance(content, dict):
        raise ValueError("it is not a mapping")
    return content


def listed(content: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the rows or pictures of a manifest's JSON. ValueError if they are no mappings."""
    entries = content.get(name)
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"its {name} are no list of mappings")
    return entries


def unreadable(path: Path, error: Exception) -> BadInput:
    return BadInput(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")


def lenient_row(entry: Any) -> Row:
    row = Row(**known(Row, as_mapping(entry)))
    for name in list(row.wrong_fields()):
        setattr(row, name, getattr(Row(), name))
    return row


def lenient_picture(entry: Any, rows: int) -> Picture | None:
    """Return a picture with defaults for what cannot be right; None without a number, row or
    seed."""
    entry = as_mapping(entry)
    number = entry.get("number")
    if type(number) is not int or not 0 <= number < MOST:
        return None
    picture = Picture(**{"row": None, "seed": None} | known(Picture, entry))
    default = Picture(number, 0, 0)
    for name in list(picture.wrong_fields(rows)):
        if name in ("row", "seed"):
            return None
        setattr(picture, name, getattr(default, name))
    return picture


def known(cls: type, entries: Mapping[str, Any]) -> dict[str, Any]:
    """Return the entries that are fields of a dataclass."""
    names = field_names(cls)
    return {key: value for key, value in entries.items() if key in names}


@cache
def field_names(cls: type) -> frozenset[str]:
    return frozenset(f.name for f in fields(cls) if f.init)


def with_text_keys(value: Any) -> Any:
    """Return a value in which every key is a text: YAML also has dates and lists as keys."""
    if isinstance(value, dict):
        return {str(key): with_text_keys(inside) for key, inside in value.items()}
    if isinstance(value, list | tuple):
        return [with_text_keys(inside) for inside in value]
    return value


def all_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def is_lists_of_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(map(all_texts, value.values()))


def is_number(value: Any) -> bool:
    """Return whether a value is None, a float, or an integer that a float can represent."""
    whole = type(value) is int and is_finite(value)
    return value is None or isinstance(value, float) or whole


def as_mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_line(entry: Row | Picture) -> str:
    """Return an entry as JSON, without an empty `unwanted` and `frame`, which 0.1 did not
    write."""
    facts = vars(entry).items()
    return as_json({k: value for k, value in facts if k not in YOUNGER or value not in NONE})


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def grouped(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Yield the numbers in groups of `size`: pictures that are drawn together."""
    numbers = list(numbers)
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]
