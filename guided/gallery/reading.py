"""What is in the folder of a batch: its manifest, or where there is none, the pictures themselves.

The only place that knows the manifest's form. Readers bear what is missing, of another type, or
from a version to come: a picture that cannot be understood is left out, not a reason to fail.
Knows nothing about pages.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from guided import record
from guided.ranking import ASIDE

MANIFEST = "manifest.json"
STATES = ("queued", "running", "done", "failed", "skipped")
PICTURE = re.compile(r"image_(\d{1,9})\.(?:png|webp|jpe?g)")
WORD = re.compile(r"\+{0,2}([A-Za-z_][\w.@/]*)=(.*)", re.DOTALL)
NAMES = ("artist", "look", "model")  # settings whose values are names, by which one filters


@dataclass
class Picture:
    number: int
    state: str
    prompt: str = ""
    seed: int | None = None
    score: float | None = None
    seconds: float | None = None
    file: str | None = None  # inside the folder, with forward slashes
    why: str | None = None  # one line, of a failure
    names: dict[str, list[str]] = field(default_factory=dict)  # artist, look, model
    row: dict[str, str] = field(default_factory=dict)  # what its row of the batch sets


@dataclass
class Batch:
    folder: Path
    title: str
    made: str | None  # ISO 8601
    pictures: list[Picture]


def is_batch(folder: Path) -> bool:
    return (folder / MANIFEST).is_file() or any(pictures_in(folder))


def read(folder: Path) -> Batch:
    """OSError or ValueError where there is a manifest that cannot be read."""
    if (folder / MANIFEST).is_file():
        return from_manifest(folder, json.loads((folder / MANIFEST).read_bytes()))
    return from_pictures(folder)


def from_manifest(folder: Path, manifest: Any) -> Batch:
    if not isinstance(manifest, Mapping):
        raise ValueError(f"{folder / MANIFEST} is not a mapping")
    base = assigned(items(mapping(manifest.get("base")).get("words")))
    rows = [row_settings(mapping(row)) for row in items(manifest.get("rows"))]
    pictures = {}
    for entry in map(mapping, items(manifest.get("pictures"))):
        number = whole(entry.get("number"))
        if number is None or number < 0:
            continue
        index = whole(entry.get("row"))
        row = rows[index] if index is not None and 0 <= index < len(rows) else {}
        pictures[number] = picture(folder, number, entry, base, row)
    title = text(manifest.get("title")) or titled(folder)
    made = text(manifest.get("made")) or None
    return Batch(folder, title, made, [pictures[n] for n in sorted(pictures)])


def picture(
    folder: Path, number: int, entry: Mapping[str, Any], base: dict[str, Any], row: dict[str, Any]
) -> Picture:
    """One of the manifest; what it does not say itself, its row or the base may."""
    asked = base | row
    model = entry.get("model") or asked.get("model")
    state = text(entry.get("state"))
    return Picture(
        number,
        state if state in STATES else "queued",
        text(entry.get("prompt")) or text(asked.get("prompt")),
        whole(entry.get("seed")),
        finite(entry.get("score")),
        finite(entry.get("seconds")),
        inside(folder, entry.get("file")),
        text(entry.get("why")) or None,
        {name: named(model if name == "model" else asked.get(name)) for name in NAMES},
        {key: text(value) for key, value in row.items()},
    )


def from_pictures(folder: Path) -> Batch:
    """A run from before there were manifests: what its pictures say of themselves."""
    paths = {}
    for path in (*pictures_in(folder / ASIDE), *pictures_in(folder)):
        paths[int(PICTURE.fullmatch(path.name)[1])] = path
    pictures = []
    for number, path in sorted(paths.items()):
        settings = settings_of(path)
        model = mapping(settings.get("model")).get("name")
        pictures.append(
            Picture(
                number,
                "done",
                text(settings.get("drawn")) or text(settings.get("prompt")),
                whole(settings.get("seed")),
                finite(settings.get("score")),
                file=path.relative_to(folder).as_posix(),
                names={
                    name: named(model if name == "model" else settings.get(name)) for name in NAMES
                },
            )
        )
    first = paths[min(paths)].stat().st_mtime if paths else folder.stat().st_mtime
    title = pictures[0].prompt if pictures and pictures[0].prompt else titled(folder)
    return Batch(folder, title, datetime.fromtimestamp(first, UTC).isoformat("T", "seconds"), pictures)


def settings_of(path: Path) -> dict[str, Any]:
    """Inside a picture; {} where there are none, or none that can be read."""
    try:
        found = record.read(path)
    except Exception:  # a file of unknown origin: Pillow's and YAML's errors are of many kinds
        return {}
    return found if isinstance(found, dict) else {}


def pictures_in(folder: Path) -> Iterable[Path]:
    if folder.is_dir():
        for path in folder.iterdir():
            if PICTURE.fullmatch(path.name) and path.is_file():
                yield path


def titled(folder: Path) -> str:
    """142233-a-lighthouse -> a lighthouse."""
    return re.sub(r"^\d{6}-", "", folder.name).replace("-", " ") or folder.name


def inside(folder: Path, file: Any) -> str | None:
    """A file's path, if it is a picture's in this folder and nowhere else."""
    if not isinstance(file, str) or not file or "\\" in file or "\0" in file:
        return None
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or not PICTURE.fullmatch(path.name):
        return None
    for place in (path, PurePosixPath(ASIDE) / path.name):  # keep= may have put it aside
        here = folder / place
        if here.is_file() and here.resolve().is_relative_to(folder.resolve()):
            return place.as_posix()
    return None


# ---- what a row or a word says


def row_settings(row: Mapping[str, Any]) -> dict[str, Any]:
    settings = row.get("settings")
    said = assigned(items(row.get("words")))
    return said | {str(k): v for k, v in settings.items()} if isinstance(settings, dict) else said


def assigned(words: Iterable[Any]) -> dict[str, Any]:
    """["artist=hokusai"] -> {"artist": "hokusai"}."""
    found = (WORD.fullmatch(word) for word in words if isinstance(word, str))
    return {match[1]: match[2] for match in found if match}


def named(value: Any) -> list[str]:
    """The names in `hokusai`, `[hokusai,turner:0.5]`, a list, or a mapping of weights."""
    if isinstance(value, str):
        value = value.strip("[]{} ").split(",")
    words = (text(name).strip(" '\"") for name in items(value))
    names = (re.sub(r":\s*[-+.\d]+$", "", word) for word in words)
    return list(dict.fromkeys(name for name in names if name and name != "null"))


def text(value: Any) -> str:
    """For people to read."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value)
    if isinstance(value, Mapping):
        return text(value["text"]) if "text" in value else json.dumps(value, ensure_ascii=False)
    return str(value)


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | Mapping) else []


def whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def finite(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and math.isfinite(value) else None
