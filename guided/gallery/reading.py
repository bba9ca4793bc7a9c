"""The pictures of a batch's folder, from its manifest, or without one from the pictures' files.

Files are untrusted: values of the wrong type are ignored, and pictures without a number left out.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from guided.errors import BadInput, is_finite
from guided.prompts.prompt import unwanted, wanted
from guided.prompts.region_prompts import parse
from guided.runs import record
from guided.runs.layout import IMAGE, MANIFEST, OTHERS
from guided.runs.manifest import DONE, FAILED, QUEUED, RUNNING, Manifest, Row
from guided.runs.manifest import Picture as Entry
from guided.runs.worker_locks import seems_alive

WORD = re.compile(r"\+{0,2}([A-Za-z_][\w.@/]*)=(.*)", re.DOTALL)
PROMPTS = ("prompt", "negative", "image_prompt", "regions", "layout")
NAMES = ("artist", "look", "model")  # settings whose values are names, for filters
STOPPED = "stopped"  # state of a picture whose worker was killed; the manifest has it as running


@dataclass
class Picture:
    """A picture of a batch, with its values as the page shows them."""

    number: int
    state: str
    prompt: str = ""
    unwanted: str = ""  # prompts of negative weight
    seed: int | None = None
    score: float | None = None
    seconds: float | None = None
    file: str | None = None  # inside the folder, with forward slashes
    why: str | None = None  # it failed, or may not show what was asked for; one line
    names: dict[str, list[str]] = field(default_factory=dict)  # artist, look, model
    row: dict[str, str] = field(default_factory=dict)  # settings of its row of the batch


@dataclass
class Batch:
    """The pictures of a folder."""

    folder: Path
    title: str
    made: str | None  # ISO 8601
    pictures: list[Picture]
    files: dict[str, float]  # of the folder and of others/, with times of writing


def is_batch(folder: Path) -> bool:
    names = [name for place in ("", OTHERS) for name, _ in files_in(folder, place)]
    return MANIFEST in names or any(IMAGE.fullmatch(name.rpartition("/")[2]) for name in names)


def read(folder: Path) -> Batch:
    """Return the batch of a folder. BadInput if its manifest cannot be read."""
    files = {name: stamp for place in ("", OTHERS) for name, stamp in files_in(folder, place)}
    return from_manifest(folder, files) if MANIFEST in files else from_pictures(folder, files)


def files_in(folder: Path, place: str) -> Iterator[tuple[str, float]]:
    """Yield path and time of writing of the regular files in a folder of a batch. Links, which may
    lead anywhere, are ignored."""
    if (folder / place).is_dir() and not (place and (folder / place).is_symlink()):
        with os.scandir(folder / place) as entries:
            for entry in entries:
                if entry.is_file(follow_symlinks=False):
                    name = f"{place}/{entry.name}" if place else entry.name
                    yield name, round(entry.stat().st_mtime, 3)


def from_manifest(folder: Path, files: dict[str, float]) -> Batch:
    manifest = Manifest.read_leniently(folder)
    base = assigned(items(manifest.base.get("words")))
    rows = [settings_of_row(row) for row in manifest.rows]
    running = {p.worker for p in manifest.pictures if p.state == RUNNING and p.worker}
    dead = {name for name in running if not seems_alive(folder, name)}
    films: dict[int, list[Picture]] = {}
    for entry in manifest.pictures:
        row = manifest.rows[entry.row]
        place = entry.number if entry.frame is None else entry.group
        one = picture(entry, base, rows[entry.row], row, files, dead)
        films.setdefault(place, []).append(one)
    title, made = manifest.title or title_of(folder), manifest.made or None
    return Batch(folder, title, made, [film_of(frames) for frames in films.values()], files)


def film_of(frames: list[Picture]) -> Picture:
    """Return one entry for the frames of a film: the first, in the state of all together."""
    first = frames[0]
    if len(frames) == 1:
        return first
    states = {frame.state for frame in frames}
    state = next((one for one in (RUNNING, STOPPED, FAILED, QUEUED) if one in states), None)
    whys = [frame.why for frame in frames if frame.why]
    seconds = [frame.seconds for frame in frames if frame.seconds is not None]
    return replace(
        first,
        state=state or first.state,
        why=whys[0] if whys else None,
        seconds=round(sum(seconds), 3) if seconds else None,
    )


def settings_of_row(row: Row) -> dict[str, Any]:
    """Return a row's settings; presets by the names of their files, of which one has several."""
    settings = assigned(row.words) | row.settings
    presets = row.presets or {}
    return settings | {name: presets[name] for name in settings.keys() & presets.keys()}


def picture(
    entry: Entry,
    base: dict[str, Any],
    own: dict[str, Any],
    row: Row,
    files: Collection[str],
    dead: Collection[str],
) -> Picture:
    """Return a picture of a manifest, with the settings of its row, which are `own`, and of the
    whole batch; `dead` are the workers that were killed."""
    settings = base | own
    named = settings | {"model": entry.model or settings.get("model")} | (row.presets or {})
    parts = ("", "") if entry.prompt else prompts_of(settings)
    return Picture(
        entry.number,
        STOPPED if entry.state == RUNNING and entry.worker in dead else entry.state,
        entry.prompt or parts[0],
        entry.unwanted or parts[1],
        entry.seed,
        entry.score,
        entry.seconds,
        existing_file(entry, files),
        entry.why,
        {name: names_in(named.get(name)) for name in NAMES},
        {key: text(value) for key, value in own.items()},
    )


def prompts_of(settings: Mapping[str, Any]) -> tuple[str, str]:
    """Return the wanted and the unwanted prompts of settings, for people to read."""
    try:
        prompts = parse(*(settings.get(name) for name in PROMPTS))
        drawn = settings.get("drawn")
        drawn = [drawn] if isinstance(drawn, str) else items(drawn)
        if len(drawn) == len(prompts):
            prompts = [replace(one, text=text(t)) for one, t in zip(prompts, drawn, strict=True)]
        return wanted(prompts), unwanted(prompts)
    except BadInput:  # no prompts, or those of another version
        return text(settings.get("drawn")) or text(settings.get("prompt")), ""


def existing_file(entry: Entry, files: Collection[str]) -> str | None:
    """Return a picture's file in its batch's folder or in others/, to which `keep` may have moved
    it; None if it is in neither."""
    names = [entry.file, f"{OTHERS}/{entry.file}"] if entry.file else []
    return next((name for name in names if name in files), None)


def from_pictures(folder: Path, files: dict[str, float]) -> Batch:
    """Return a batch without a manifest, from the settings inside its pictures."""
    images = {}
    for name in sorted(files, key=lambda name: not name.startswith(OTHERS)):
        if match := IMAGE.fullmatch(name.rpartition("/")[2]):
            images[int(match[1])] = name
    pictures = []
    for number, name in sorted(images.items()):
        settings = settings_of(folder / name)
        named = {**assigned(items(settings.get("words"))), **settings}
        named["model"] = mapping(settings.get("model")).get("name")
        pictures.append(
            Picture(
                number,
                DONE,
                *prompts_of(settings),
                whole(settings.get("seed")),
                finite(settings.get("score")),
                file=name,
                names={name: names_in(named.get(name)) for name in NAMES},
            )
        )
    title = pictures[0].prompt if pictures and pictures[0].prompt else title_of(folder)
    first = min((files[name] for name in images.values()), default=0)
    made = datetime.fromtimestamp(first, UTC).isoformat("T", "seconds")
    return Batch(folder, title, made, pictures, files)


def settings_of(path: Path) -> dict[str, Any]:
    """Return the settings inside a picture; {} if there are none that can be read."""
    try:
        return record.read(path)
    except Exception:  # a file of unknown origin: Pillow's and YAML's errors are of many kinds
        return {}


def title_of(folder: Path) -> str:
    """Return the title in a folder's name: `a lighthouse` of 142233-a-lighthouse."""
    return re.sub(r"^\d{6}-", "", folder.name).replace("-", " ") or folder.name


def assigned(words: Iterable[Any]) -> dict[str, Any]:
    """Return the settings of words: {"artist": "hokusai"} of ["artist=hokusai"]."""
    matches = (WORD.fullmatch(word) for word in words if isinstance(word, str))
    return {match[1]: match[2] for match in matches if match}


def names_in(value: Any) -> list[str]:
    """Return the names in `hokusai`, `[hokusai,turner:0.5]`, a list, or a mapping of weights."""
    if isinstance(value, str):
        value = value.strip("[]{} ").split(",")
    words = (text(name).strip(" '\"") for name in items(value))
    names = (re.sub(r":\s*[-+.\d]+$", "", word) for word in words)
    return list(dict.fromkeys(name for name in names if name and name != "null"))


def text(value: Any) -> str:
    """Return a value as text for people."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(text(item) for item in value)
    if isinstance(value, Mapping):
        return weighted(value) if "text" in value else json.dumps(value, ensure_ascii=False)
    return str(value)


def weighted(prompt: Mapping[str, Any]) -> str:
    """Return a prompt's text with its weight, as it may be typed."""
    weight = prompt.get("weight")
    return text(prompt["text"]) + (f":{text(weight)}" if weight is not None else "")


def mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def items(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | Mapping) else []


def whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def finite(value: Any) -> float | None:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if number and is_finite(value) else None
