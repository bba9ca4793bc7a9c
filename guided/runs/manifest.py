"""manifest.json, the truth about a batch: what was asked for, and what became of each picture.

Written before the first step and kept true. Knows nothing about drawing, and nothing about who
writes it when (claims.py).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guided.errors import BadInput
from guided.runs import record
from guided.runs.layout import ASIDE
from guided.runs.metadata import SUFFIXES, whole
from guided.untrusted.regular_files import read_text
from guided.version import __version__

NAME = "manifest.json"
LARGEST = 1 << 28  # bytes; 100,000 pictures are fewer than 100 million
QUEUED, RUNNING, DONE, FAILED, SKIPPED = STATES = (
    *("queued", "running", "done", "failed", "skipped"),
)
WORKER = re.compile(r"(?!\.{1,2}$)[\w.-]{1,200}", re.ASCII)  # becomes part of a file's name


@dataclass
class Row:
    """One entry of what was asked for: settings on top of the batch's base."""

    words: list[str] = field(default_factory=list)  # as typed: name=value
    settings: dict[str, Any] = field(default_factory=dict)  # what it sets, for people
    where: str = ""  # the file and line that it stands in
    wrong: str = ""  # what keeps it from being read

    def __post_init__(self) -> None:
        self.settings = named(self.settings)


@dataclass
class Picture:
    """One picture: its number, row and seed are fixed when the manifest is made."""

    number: int
    row: int
    seed: int
    prompt: str = ""  # its wildcards decided
    state: str = QUEUED
    file: str | None = None  # relative to the folder
    score: float | None = None
    seconds: float | None = None
    why: str | None = None  # it failed, in one line
    worker: str | None = None
    model: str = ""
    group: int = 0  # number of the first of those that it is drawn together with

    @property
    def open(self) -> bool:
        return self.state in (QUEUED, RUNNING)

    def check(self, rows: int) -> None:
        """ValueError for what no batch of so many rows has. A worker that cannot be one has
        nothing, and a score that is no number is none."""
        right = {
            "row": type(self.row) is int and 0 <= self.row < rows,
            "seed": type(self.seed) is int and self.seed >= 0,
            "group": type(self.group) is int and 0 <= self.group <= self.number,
            "state": self.state in STATES,
            "file": self.file is None or self.file in self.files(),
            **{name: isinstance(getattr(self, name), str) for name in ("prompt", "model")},
            "why": isinstance(self.why, str | None),
            "score": isinstance(self.score, int | float | None),
            "seconds": isinstance(self.seconds, int | float | None),
        }
        for name in (name for name, fits in right.items() if not fits):
            raise ValueError(f"picture {self.number} has {name} {getattr(self, name)!r:.60}")
        if not (isinstance(self.worker, str) and WORKER.fullmatch(self.worker)):
            self.worker = None
            self.state = QUEUED if self.state == RUNNING else self.state
        if self.score is not None and not math.isfinite(self.score):
            self.score = None

    def files(self) -> list[str]:
        """Where it may be, once it is there: in the folder, or among those that were not kept."""
        names = [f"image_{self.number:04d}{suffix}" for suffix in SUFFIXES.values()]
        return [*names, *(f"{ASIDE}/{name}" for name in names)]


@dataclass
class Manifest:
    title: str
    base: dict[str, Any]  # words: what holds for all rows; flags: Hydra's; settings: a record's
    rows: list[Row]
    pictures: list[Picture]
    version: int = 1
    guided: str = __version__
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @classmethod
    def read(cls, folder: Path) -> Manifest:
        """BadInput when there is none, or it cannot be understood. What a later version added is
        left out.

        Anyone may have written it: no name in it leads out of the folder; its words are as they
        were written (guided.config.values.trusted_words)."""
        path = folder / NAME
        try:
            found = json.loads(read_text(path, LARGEST, follow=False))
            own = {**known(cls, found), "base": dict(found.get("base") or {})}
            own["rows"] = [Row(**known(Row, row)) for row in found["rows"]]
            own["pictures"] = [Picture(**known(Picture, one)) for one in found["pictures"]]
            manifest = cls(**own)
            manifest.check()
            return manifest
        except FileNotFoundError:
            raise BadInput(f"{folder} is no folder of a batch: it has no {NAME}") from None
        except (
            *(OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError),
            ArithmeticError,
        ) as error:
            why = getattr(error, "strerror", None) or error
            raise BadInput(f"{path} cannot be read: {why}") from error

    def check(self) -> None:
        """ValueError for what cannot be, before anything believes it."""
        words, settings = self.base.get("words"), self.base.get("settings")
        flags = self.base.get("flags", [])
        if not (all_texts(words) and all_texts(flags) and isinstance(settings, dict | None)):
            raise ValueError("its base has no words, flags and settings")
        if not isinstance(self.title, str):
            raise ValueError("its title is no text")
        for number, row in enumerate(self.rows):
            texts = all_texts(row.words) and all_texts([row.where, row.wrong])
            if not (texts and isinstance(row.settings, dict)):
                raise ValueError(f"row {number} has no words and settings")
        for number, picture in enumerate(self.pictures):
            if type(picture.number) is not int or picture.number != number:
                raise ValueError(f"picture {number} has the number {picture.number!r}")
            picture.check(len(self.rows))
            first = self.pictures[picture.group]
            if (first.group, first.row) != (picture.group, picture.row):
                raise ValueError(f"picture {number} is of no group")

    def write(self, folder: Path) -> None:
        """One picture a line, so that people can read it too."""
        head = {key: getattr(self, key) for key in ("version", "guided", "made", "title", "base")}
        parts = [f'"{key}": {as_json(value)}' for key, value in head.items()]
        for key, entries in (("rows", self.rows), ("pictures", self.pictures)):
            lines = ",\n".join(as_json(asdict(entry)) for entry in entries)
            parts.append(f'"{key}": [\n{lines}\n]')
        record.write(folder / NAME, whole("{" + ",\n".join(parts) + "}\n").encode(), durable=True)

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


def known(cls: type, found: dict[str, Any]) -> dict[str, Any]:
    names = {f.name for f in fields(cls)}
    return {key: value for key, value in found.items() if key in names}


def named(value: Any) -> Any:
    """Every key in it a text: YAML also has dates and lists of values for keys, JSON has not."""
    if isinstance(value, dict):
        return {str(key): named(inside) for key, inside in value.items()}
    return [named(inside) for inside in value] if isinstance(value, list | tuple) else value


def all_texts(values: Any) -> bool:
    return isinstance(values, list) and all(isinstance(value, str) for value in values)


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def grouped(numbers: Iterable[int], size: int) -> Iterator[list[int]]:
    """Numbers in runs of `size`: the pictures that are drawn together."""
    numbers = list(numbers)
    for first in range(0, len(numbers), size):
        yield numbers[first : first + size]
