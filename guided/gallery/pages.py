"""Making and updating the pages of the gallery; only new pictures are read.

Beside the pictures of a batch are index.html, which never changes; gallery-data.js, the data of
all pictures; and thumbs/, with a thumbnail and a file of details of each.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import Timeout

from guided.errors import BadInput
from guided.gallery import axes, explanation, page, plots, reading, script, thumbs
from guided.gallery.making import Making
from guided.gallery.overview import join, root_of
from guided.gallery.reading import Batch, Picture
from guided.gallery.script import DATA, VERSION, link
from guided.runs.files import lock, refuse_link
from guided.runs.layout import DEEPEST, FILMS, METRICS, PARTS, THUMBS, film_name, thumb_path
from guided.runs.manifest import RUNNING
from guided.untrusted.typed_paths import similar

log = logging.getLogger(__name__)
PAUSE = 2.0  # seconds, at least, from one update of a batch to the next, ...
PAUSE_EACH = 2e-5  # ... and for each byte of its data, so that the cost of a long batch is bounded
PAUSE_ALL = 20.0  # seconds, the same for the page of all batches
WAIT = 10.0  # seconds for another worker that writes, at the end of a run; a step never waits
GRACE = 120.0  # seconds without a sign of life, after which the page has a batch as stopped, ...
GRACE_STEPS = 5  # ... and this many steps, which take minutes on slow machines


def update(folder: Path, now: bool = False, step: float = 0.0) -> None:
    """Update the page of a batch, and at times the page of all batches. Cheap enough to be called
    after every step, of `step` seconds; with `now`, at the end, always done.
    Errors are logged, because a page must not stop a run."""
    try:
        if now or older(folder / DATA, PAUSE, PAUSE_EACH):
            data = build(folder, WAIT if now else 0, step=step)
            root = root_of(folder)
            if root and (now or older(root / DATA, PAUSE_ALL, PAUSE_EACH)):
                join(root, {folder: data}, WAIT if now else 0)
    except Timeout:  # another worker writes it
        pass
    except Exception as error:
        log.warning("the gallery page of %s is not up to date: %s", folder, error)


def rebuild(root: Path) -> Path:
    """Make every page at and below a folder anew, from manifests and pictures only: existing pages
    and data are untrusted. Return the page to open. BadInput if there are no pictures."""
    if not root.is_dir():
        raise BadInput(f"gallery={root} is no folder{similar(root)}")
    folders = list(batches(root))
    if not folders:
        raise BadInput(f"gallery={root}: there are no pictures in it")
    built = {}
    for folder in folders:
        try:
            built[folder] = build(folder, WAIT, anew=True)
        except (OSError, ValueError, Timeout) as error:
            log.warning("%s is left out of the gallery: %s", folder, error)
    if root not in folders:
        join(root, built, WAIT, anew=True)
    elif over := root_of(root):
        join(over, built, WAIT)
    return root / page.NAME


def batches(root: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """Yield folders with pictures; links (`latest`) are not followed."""
    if reading.is_batch(root):
        yield root
    elif depth:
        for path in sorted(root.iterdir()):
            if path.is_dir() and not path.is_symlink() and path.name not in PARTS:
                yield from batches(path, depth - 1)


def older(path: Path, seconds: float, each: float = 0.0) -> bool:
    """Return whether a file is missing, or older than `seconds` and `each` more for each byte."""
    try:
        status = path.stat()
    except FileNotFoundError:
        return True
    return abs(time.time() - status.st_mtime) > seconds + each * status.st_size


def size_of(path: Path) -> int:
    """Return the bytes of a file; 0 if it is missing."""
    return path.stat().st_size if path.exists() else 0


# ---- one batch


def build(folder: Path, wait: float, anew: bool = False, step: float = 0.0) -> dict[str, Any]:
    """Write the page of a batch, with thumbnails of all pictures or only of new ones, and return
    its data. Timeout if another worker has been writing for `wait` seconds.

    `alive` is the time of writing if a worker lives: the page, which nobody writes after a
    `kill -9`, has the batch as stopped `grace` seconds later."""
    refuse_link(folder / THUMBS)
    (folder / THUMBS).mkdir(exist_ok=True)
    with lock(folder / THUMBS / ".lock", wait):
        batch = reading.read(folder)
        sizes = {} if anew else sizes_before(folder, batch)
        fresh = [p for p in batch.pictures if p.file and p.number not in sizes]
        making = Making.read(folder)
        data = data_of(batch, sizes | make_thumbs(folder, fresh, making), making)
        if any(p.state == RUNNING for p in batch.pictures):
            late = PAUSE_EACH * size_of(folder / DATA) + GRACE_STEPS * step
            data |= {"alive": round(time.time()), "grace": round(GRACE + late)}
        script.save(folder / DATA, {"version": VERSION, "all": False, "batches": [data]})
        os.utime(folder / DATA)
        page.write(folder)
    return data


def sizes_before(folder: Path, batch: Batch) -> dict[int, tuple[int, int]]:
    """Return width and height of the pictures whose thumbnail and details are up to date."""
    data = reading.mapping(script.load(folder / DATA))
    if data.get("version") != VERSION:
        return {}
    old = map(reading.mapping, reading.items(data.get("batches")))
    entries = [reading.mapping(e) for b in old for e in reading.items(b.get("pictures"))]
    before = {reading.whole(entry.get("number")): entry for entry in entries}
    with os.scandir(folder / THUMBS) as files:
        there = {file.name: file.path for file in files if file.is_file(follow_symlinks=False)}
    sizes = {}
    for p in batch.pictures:
        name, entry = f"{p.number:04d}", before.get(p.number, {})
        match [reading.whole(side) for side in reading.items(entry.get("size"))]:
            case [int(width), int(height)] if (
                p.file
                and entry.get("time") == batch.files[p.file]
                and {f"{name}.webp", f"{name}.js"} <= there.keys()
                and script.is_data(there[f"{name}.js"])
            ):
                sizes[p.number] = width, height
    return sizes


def make_thumbs(folder: Path, fresh: list[Picture], making: Making) -> dict[int, tuple[int, int]]:
    """Write thumbnails and details, and return width and height of the pictures that could be
    opened."""
    curves = plots.curves(folder / METRICS, {p.number for p in fresh})
    sizes = {}
    for p in fresh:
        path = folder / (p.file or "")
        try:
            sizes[p.number] = thumbs.make(path, thumb_path(folder, p.number))
        except Exception as error:  # Pillow's are of many kinds; one bad file is not the page
            log.warning("%s has no thumbnail: %s", path, error)
            continue
        detail = making.details(p.number, path, sizes[p.number], curves[p.number])
        detail["explained"] = explanation.write(folder, p.number)
        script.save(folder / THUMBS / f"{p.number:04d}.js", detail)
    return sizes


def data_of(batch: Batch, sizes: dict[int, tuple[int, int]], making: Making) -> dict[str, Any]:
    """Return the data of a batch's page."""
    along = axes.axes(batch.pictures)
    pictures = []
    for p in batch.pictures:
        entry = {
            "number": p.number,
            "state": p.state,
            "prompt": p.prompt,
            "unwanted": p.unwanted or None,
            "seed": p.seed,
            "score": p.score,
            "seconds": p.seconds,
            "why": p.why,
            "file": link(p.file) if p.file else None,
            "time": batch.files[p.file] if p.file else None,
            "size": sizes.get(p.number) if p.file else None,
            "video": video(batch, p.number),
            "preview": making.latest(p.number) if p.state == RUNNING else None,
            **{name: names for name, names in p.names.items() if names},
            "at": [values.index(axes.value_on(p, name)) for name, values in along.items()],
        }
        empty: tuple[Any, ...] = (None, [])
        pictures.append({key: value for key, value in entry.items() if value not in empty})
    return {
        "folder": "",
        "place": place(batch.folder),
        "below": root_of(batch.folder) is not None,  # the page of all batches is two folders up
        "title": batch.title,
        "made": batch.made,
        "axes": [{"name": name, "values": values} for name, values in along.items()],
        "pictures": pictures,
    }


def video(batch: Batch, number: int) -> str | None:
    names = (film_name(number, format) for format in FILMS)
    return next((name for name in names if name in batch.files), None)


def place(folder: Path) -> str:
    """Return the folder as one types it: relative to the current one if it is below it."""
    path = folder.resolve()
    here = Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix()
