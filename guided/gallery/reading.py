"""What is in the folder of a batch: its manifest, or where there is none, the pictures themselves.

The only place that knows the manifest's form. Readers bear what is missing, of another type, or
from a version to come: a picture that cannot be understood is left out, not a reason to fail.
Knows nothing about pages.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guided.runs import record
from guided.runs.layout import ASIDE
from guided.untrusted.regular_files import read_bytes

MANIFEST = "manifest.json"
LARGEST = 1 << 28  # bytes of it
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
    files: dict[str, float]  # what is in the folder and in others/, and when it was written


def is_batch(folder: Path) -> bool:
    names = [name for place in ("", ASIDE) for name, _ in files_in(folder, place)]
    return MANIFEST in names or any(PICTURE.fullmatch(name.rpartition("/")[2]) for name in names)


def read(folder: Path) -> Batch:
    """OSError or ValueError where there is a manifest that cannot be read."""
    files = {name: stamp for place in ("", ASIDE) for name, stamp in files_in(folder, place)}
    if MANIFEST in files:
        content = read_bytes(folder / MANIFEST, LARGEST, follow=False)
        return from_manifest(folder, json.loads(content), files)
    return from_pictures(folder, files)


def files_in(folder: Path, place: str) -> Iterator[tuple[str, float]]:
    """Links, which may lead anywhere, are none."""
    if (folder / place).is_dir() and not (place and (folder / place).is_symlink()):
        with os.scandir(folder / place) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    name = f"{place}/{entry.name}" if place else entry.name
                    yield name, round(entry.stat().st_mtime, 3)


def from_manifest(folder: Path, manifest: Any, files: dict[str, float]) -> Batch:
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
        pictures[number] = picture(number, entry, base, row, files)
    title = text(manifest.get("title")) or titled(folder)
    made = text(manifest.get("made")) or None
    return Batch(folder, title, made, [pictures[n] for n in sorted(pictures)], files)


def picture(
    number: int,
    entry: Mapping[str, Any],
    base: dict[str, Any],
    row: dict[str, Any],
    files: Collection[str],
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
        inside(entry.get("file"), files),
        text(entry.get("why")) or None,
        {name: named(model if name == "model" else asked.get(name)) for name in NAMES},
        {key: text(value) for key, value in row.items()},
    )


def from_pictures(folder: Path, files: dict[str, float]) -> Batch:
    """A run from before there were manifests: what its pictures say of themselves."""
    found = {}
    for name in sorted(files, key=lambda name: not name.startswith(ASIDE)):
        if match := PICTURE.fullmatch(name.rpartition("/")[2]):
            found[int(match[1])] = name
    pictures = []
    for number, name in sorted(found.items()):
        settings = settings_of(folder / name)
        said = {**assigned(items(settings.get("words"))), **settings}
        said["model"] = mapping(settings.get("model")).get("name")
        pictures.append(
            Picture(
                number,
                "done",
                text(settings.get("drawn")) or text(settings.get("prompt")),
                whole(settings.get("seed")),
                finite(settings.get("score")),
                file=name,
                names={name: named(said.get(name)) for name in NAMES},
            )
        )
    title = pictures[0].prompt if pictures and pictures[0].prompt else titled(folder)
    first = min((files[name] for name in found.values()), default=0)
    made = datetime.fromtimestamp(first, UTC).isoformat("T", "seconds")
    return Batch(folder, title, made, pictures, files)


def settings_of(path: Path) -> dict[str, Any]:
    """Inside a picture; {} where there are none, or none that can be read."""
    try:
        found = record.read(path)
    except Exception:  # a file of unknown origin: Pillow's and YAML's errors are of many kinds
        return {}
    return found if isinstance(found, dict) else {}


def titled(folder: Path) -> str:
    """142233-a-lighthouse -> a lighthouse."""
    return re.sub(r"^\d{6}-", "", folder.name).replace("-", " ") or folder.name


def inside(file: Any, files: Collection[str]) -> str | None:
    """A picture of this folder, or one that keep= has put aside, and no path to elsewhere."""
    if isinstance(file, str) and PICTURE.fullmatch(file.removeprefix(f"{ASIDE}/")):
        for name in (file, f"{ASIDE}/{file}"):
            if name in files:
                return name
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
