"""Making and keeping the pages: what is new in a folder is looked at, the rest was kept.

Beside the pictures of a batch: index.html, which never changes; gallery-data.js, the facts of all
pictures; thumbs/, a thumbnail of each and a file of how it was made.
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
from guided.gallery import axes, page, plots, reading, script, thumbs
from guided.gallery.locks import lock, refuse_link
from guided.gallery.making import Making
from guided.gallery.overview import join, root_of
from guided.gallery.reading import Batch, Picture
from guided.gallery.script import DATA, VERSION, link

log = logging.getLogger(__name__)
THUMBS = "thumbs"
PAUSE = 2.0  # seconds, at least, from one update of a batch to the next, ...
PAUSE_EACH = 2e-5  # ... and for each byte of its data, so that a long batch pays no more
PAUSE_ALL = 20.0  # and of the page over all
WAIT = 10.0  # seconds at the end of a run, for another worker that is at it; a step never waits
DEEPEST = 3  # folders below the one that is looked through
MINE = {THUMBS, "steps", "strips", "cuts", reading.ASIDE}  # folders of a batch, no batches


def update(folder: Path, now: bool = False) -> None:
    """Bring the page of a batch up to date, and at times the page over all. Cheap: to be called
    after every picture, or every step; `now` at the end. Never raises, because a page must not
    stop a run."""
    try:
        if now or older(folder / DATA, PAUSE, PAUSE_EACH):
            data = build(folder, WAIT if now else 0)
            root = root_of(folder)
            if root and (now or older(root / DATA, PAUSE_ALL, PAUSE_EACH)):
                join(root, {folder: data}, WAIT if now else 0)
    except Timeout:  # another worker is at it
        pass
    except Exception as error:
        log.warning("the gallery page of %s is not up to date: %s", folder, error)


def rebuild(root: Path) -> Path:
    """Make every page at and below a folder anew, from the pictures and what is said of them:
    pages and data that are there may be somebody else's. The page to open. BadInput where there
    are no pictures."""
    if not root.is_dir():
        raise BadInput(f"gallery={root} is no folder")
    found = list(batches(root))
    if not found:
        raise BadInput(f"gallery={root}: there are no pictures in it")
    built = {}
    for folder in found:
        try:
            built[folder] = build(folder, WAIT, anew=True)
        except (OSError, ValueError, Timeout) as error:
            log.warning("%s is left out of the gallery: %s", folder, error)
    over = root_of(root) if root in found else root
    if over:
        join(over, built, WAIT, anew=over == root)
    return (root if root in found else over) / page.NAME


def batches(root: Path, depth: int = DEEPEST) -> Iterator[Path]:
    """Folders with pictures; links (`latest`) are not followed."""
    if reading.is_batch(root):
        yield root
    elif depth:
        for path in sorted(root.iterdir()):
            if path.is_dir() and not path.is_symlink() and path.name not in MINE:
                yield from batches(path, depth - 1)


def older(path: Path, seconds: float, each: float = 0.0) -> bool:
    """Than some seconds, and so many more for each byte of it."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return True
    return abs(time.time() - about.st_mtime) > seconds + each * about.st_size


# ---- one batch


def build(folder: Path, wait: float, anew: bool = False) -> dict[str, Any]:
    """Write what is new of a batch, or everything; its data. Timeout when another worker has been
    writing for so many seconds."""
    refuse_link(folder / THUMBS)
    (folder / THUMBS).mkdir(exist_ok=True)
    with lock(folder / THUMBS / ".lock", wait):
        batch = reading.read(folder)
        sizes = {} if anew else sizes_before(folder, batch)
        fresh = [p for p in batch.pictures if p.file and p.number not in sizes]
        making = Making.look(folder)
        data = facts(batch, sizes | look_at(folder, fresh, making), making)
        script.save(folder / DATA, {"version": VERSION, "all": False, "batches": [data]})
        os.utime(folder / DATA)
        page.write(folder)
    return data


def sizes_before(folder: Path, batch: Batch) -> dict[int, tuple[int, int]]:
    """Width and height of the pictures whose thumbnail and details are there and true."""
    data = reading.mapping(script.load(folder / DATA))
    if data.get("version") != VERSION:
        return {}
    batches_there = map(reading.mapping, reading.items(data.get("batches")))
    entries = [reading.mapping(e) for b in batches_there for e in reading.items(b.get("pictures"))]
    before = {entry.get("number"): entry for entry in entries}
    with os.scandir(folder / THUMBS) as found:
        there = {
            e.name: (e.stat().st_mtime_ns, e.stat().st_size)
            for e in found
            if e.is_file(follow_symlinks=False)
        }
    sizes = {}
    for p in batch.pictures:
        name, entry = f"{p.number:04d}", before.get(p.number, {})
        match [reading.whole(side) for side in reading.items(entry.get("size"))]:
            case [int(width), int(height)] if (
                p.file
                and entry.get("time") == batch.files[p.file]
                and {f"{name}.webp", f"{name}.js"} <= there.keys()
                and script.is_data(folder / THUMBS / f"{name}.js", there[f"{name}.js"])
            ):
                sizes[p.number] = width, height
    return sizes


def look_at(folder: Path, fresh: list[Picture], making: Making) -> dict[int, tuple[int, int]]:
    """Make thumbnails and details; the sizes of those that could be opened."""
    curves = plots.curves(folder / "metrics.jsonl", {p.number for p in fresh})
    sizes = {}
    for p in fresh:
        path = folder / p.file
        try:
            sizes[p.number] = thumbs.make(path, folder / THUMBS / f"{p.number:04d}.webp")
        except Exception as error:  # Pillow's are of many kinds; one bad file is not the page
            log.warning("%s has no thumbnail: %s", path, error)
            continue
        detail = making.of(p.number, path, sizes[p.number], curves[p.number])
        script.save(folder / THUMBS / f"{p.number:04d}.js", detail)
    return sizes


def facts(batch: Batch, sizes: dict[int, tuple[int, int]], making: Making) -> dict[str, Any]:
    along = axes.axes(batch.pictures)
    pictures = []
    for p in batch.pictures:
        entry = {
            "number": p.number,
            "state": p.state,
            "prompt": p.prompt,
            "seed": p.seed,
            "score": p.score,
            "seconds": p.seconds,
            "why": p.why,
            "file": link(p.file) if p.file else None,
            "time": batch.files[p.file] if p.file else None,
            "size": sizes.get(p.number) if p.file else None,
            "video": video(batch, p.number),
            "preview": making.latest(p.number) if p.state == "running" else None,
            **{name: names for name, names in p.names.items() if names},
            "at": [values.index(axes.place(p, name)) for name, values in along.items()],
        }
        empty = (None, [])
        pictures.append({key: value for key, value in entry.items() if value not in empty})
    return {
        "folder": "",
        "place": place(batch.folder),
        "title": batch.title,
        "made": batch.made,
        "axes": [{"name": name, "values": values} for name, values in along.items()],
        "pictures": pictures,
    }


def video(batch: Batch, number: int) -> str | None:
    names = (f"video_{number:04d}.{suffix}" for suffix in ("mp4", "webp", "gif"))
    return next((name for name in names if name in batch.files), None)


def place(folder: Path) -> str:
    """The folder as one types it."""
    whole = folder.resolve()
    here = Path.cwd()
    return (whole.relative_to(here) if whole.is_relative_to(here) else whole).as_posix()
