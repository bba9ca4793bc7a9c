"""Every finished picture of the folder of all runs, with search, favourites and a trash folder.

Runs are read as the gallery reads them, and again only when their folder has changed. Files are
untrusted: no link is followed, and nothing is found but by its id.
"""

from __future__ import annotations

import json
import os
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

from guided.errors import BadInput
from guided.gallery import reading, thumbs
from guided.gallery.making import Making
from guided.runs import changes, files
from guided.runs.layout import (
    DEEPEST,
    FILM,
    FILMS,
    MANIFEST,
    OTHERS,
    PARTS,
    film_name,
    image_names,
    thumb_path,
)
from guided.studio import json_files
from guided.studio.files_by_id import picture_file, picture_id, run_id
from guided.studio.places import is_inside, plain_folder, studio_folder, trash_folder

FRESH = 2.0  # seconds, for which the folder is not looked at again
FAVOURITES = "favourites.json"
ORIGIN = "origin.json"
SORTS = ("new", "old", "score")
PNG = b"\x89PNG\r\n\x1a\n"


@dataclass
class Item:
    """A finished picture."""

    id: str
    run: str  # its folder, relative to the folder of all runs
    number: int
    file: str  # in the folder of its run, or in the trash
    time: float  # of writing
    made: str
    prompt: str
    unwanted: str
    seed: int | None
    score: float | None
    seconds: float | None
    names: dict[str, list[str]]
    film: str | None
    trashed: bool = False
    size: tuple[int, int] | None = None

    @property
    def text(self) -> str:
        """Return the text that a search looks through."""
        return " ".join(
            [self.prompt, *(n for names in self.names.values() for n in names)]
        ).lower()


@dataclass
class Library:
    """The pictures of a folder of runs. Its methods may be called in any thread."""

    root: Path
    runs: dict[str, tuple[object, list[Item]]] = field(default_factory=dict)
    items: dict[str, Item] = field(default_factory=dict)  # by id
    looked: float = -1e9
    lock: threading.RLock = field(default_factory=threading.RLock)

    def refresh(self, now: bool = False) -> None:
        """Read the runs that have changed, at most every FRESH seconds unless `now`."""
        with self.lock:
            if not now and time.monotonic() - self.looked < FRESH:
                return
            found = {}
            for folder in self.folders(self.root, DEEPEST):
                run = folder.relative_to(self.root).as_posix()
                stamp = stamp_of(folder)
                known = self.runs.get(run)
                found[run] = known if known and known[0] == stamp else (stamp, read(folder, run))
            self.runs, before = found, self.items
            self.items = {item.id: item for _, items in found.values() for item in items}
            self.items |= {item.id: item for item in self.trashed()}
            for name, item in self.items.items():
                if (earlier := before.get(name)) and earlier.time == item.time:
                    item.size = earlier.size
            self.looked = time.monotonic()

    def measure(self) -> None:
        """Read the runs and the sizes of all pictures, which takes a while for thousands."""
        self.refresh()
        for item in self.search():
            self.size(item)

    def folders(self, place: Path, depth: int) -> Iterator[Path]:
        """Yield the folders of runs in a folder; links and hidden ones are left out."""
        with suppress(OSError), os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                hidden = entry.name.startswith(".") or entry.name in PARTS
                if hidden or not entry.is_dir(follow_symlinks=False):
                    continue
                path = place / entry.name
                if path.relative_to(self.root).as_posix() in self.runs or reading.is_batch(path):
                    yield path
                elif depth > 1:
                    yield from self.folders(path, depth - 1)

    def find(self, name: str) -> Item:
        """Return the picture of an id. KeyError if there is none."""
        self.refresh()
        item = self.items.get(name)
        if item is None:
            self.refresh(now=True)  # it may have been made a moment ago
            item = self.items[name]
        return item

    def path(self, item: Item) -> Path:
        """Return the file of a picture. KeyError if it is gone."""
        if item.trashed:
            path = trash_folder(self.root) / item.id / item.file
            found = path if path.is_file() and not path.is_symlink() else None
        else:
            found = picture_file(self.root, item.run, item.number)
        if found is None:
            raise KeyError(item.id)
        return found

    def folder(self, item: Item) -> Path:
        """Return the folder of a picture's run."""
        return self.root / item.run

    def known(self, names: Sequence[str]) -> dict[str, list[Any]]:
        """Return run and number of pictures by their ids, of those that there are."""
        self.refresh()
        if not self.items.keys() >= set(names):
            self.refresh(now=True)  # they may have been made a moment ago
        found = {name: self.items[name] for name in names if name in self.items}
        return {name: [item.run, item.number] for name, item in found.items()}

    # ---- lists

    def search(
        self,
        search: str = "",
        names: dict[str, str] | None = None,
        favourite: bool = False,
        trash: bool = False,
        runs: Sequence[str] | None = None,
        sort: str = "new",
    ) -> list[Item]:
        """Return the pictures with all of these words and names, in order."""
        self.refresh()
        words, wanted = search.lower().split(), self.favourites() if favourite else set()
        found = [
            item
            for item in list(self.items.values())
            if item.trashed == trash
            and (not favourite or item.id in wanted)
            and (runs is None or item.run in runs)
            and all(value in item.names.get(name, []) for name, value in (names or {}).items())
            and all(word in item.text for word in words)
        ]
        key = {
            "new": lambda item: (-item.time, -item.number),
            "old": lambda item: (item.time, item.number),
            "score": lambda item: -(item.score if item.score is not None else -2.0),
        }[sort]
        return sorted(found, key=key)

    def filters(self) -> dict[str, dict[str, int]]:
        """Return how often each artist, look and model occurs."""
        counts = {name: Counter[str]() for name in reading.NAMES}
        for item in list(self.items.values()):
            for name, counter in counts.items():
                counter.update(item.names.get(name, []) if not item.trashed else [])
        return {name: dict(counter.most_common()) for name, counter in counts.items()}

    def run_of(self, name: str) -> list[str]:
        """Return the folders of the run of an id: one, or none."""
        self.refresh()
        return [run for run in self.runs if run_id(run) == name]

    def size(self, item: Item) -> tuple[int, int]:
        """Return width and height of a picture; (0, 0) if it cannot be read."""
        if item.size is None:
            try:
                item.size = size_of(
                    self.path(item) if item.trashed else self.folder(item) / item.file
                )
            except (KeyError, OSError, ValueError, SyntaxError):
                item.size = (0, 0)
        return item.size

    def thumb(self, item: Item) -> Path:
        """Return the file of a picture's thumbnail, made if it is not there. KeyError if it cannot
        be made."""
        path = self.path(item)
        own = thumb_path(self.folder(item), item.number)
        places = (own, own.parent)
        if not any(place.is_symlink() for place in places) and newer(own, path):
            return own
        made = studio_folder(self.root) / "thumbs" / f"{item.id}.webp"
        if not newer(made, path):
            made.parent.mkdir(parents=True, exist_ok=True)
            try:
                thumbs.make(path, made)
            except Exception as error:  # Pillow's are of many kinds
                raise KeyError(item.id) from error
        return made

    def steps(self, item: Item) -> dict[int, Path]:
        """Return the files of a picture's previews by their steps."""
        folder = self.folder(item)
        found = {}
        with suppress(OSError):
            making = Making.read(folder)
            found = {step: folder / name for step, name in making.steps.get(item.number, [])}
        return found

    def films(self, item: Item) -> dict[str, Path]:
        """Return the films of a picture by their formats."""
        paths = {name: self.folder(item) / film_name(item.number, name) for name in FILMS}
        return {n: path for n, path in paths.items() if path.is_file() and not path.is_symlink()}

    # ---- favourites and trash

    def favourites(self) -> set[str]:
        """Return the ids of the favourites."""
        try:
            listed = json_files.read(studio_folder(self.root) / FAVOURITES)
        except (OSError, ValueError):
            return set()
        return set(listed) if json_files.fits(listed, list[str]) else set()

    def mark(self, item: Item, favourite: bool) -> None:
        """Make a picture a favourite, or no longer."""
        with self.lock:
            names = self.favourites() - {item.id} | ({item.id} if favourite else set())
            text = json.dumps(sorted(names))
            files.write(studio_folder(self.root) / FAVOURITES, text.encode(), durable=True)

    def trash(self, item: Item) -> None:
        """Move a picture into the trash folder, with a note where it was."""
        with self.lock:
            if item.trashed:
                return
            path = self.path(item)
            place = trash_folder(self.root) / item.id
            if plain_folder(self.root, place.relative_to(self.root).as_posix()) is None:
                raise BadInput("the trash folder is a link, or leads over one")
            place.mkdir(parents=True, exist_ok=True)
            note = {**vars(item), "file": path.name, "size": None}
            note["place"] = path.parent.name if path.parent.name == OTHERS else ""
            files.write(place / ORIGIN, json.dumps(note).encode(), durable=True)
            os.replace(path, place / path.name)
            self.refresh(now=True)

    def restore(self, item: Item) -> None:
        """Move a picture back from the trash folder. BadInput if its run is gone."""
        with self.lock:
            if not item.trashed:
                return
            place = trash_folder(self.root) / item.id
            found = self.thrown(place)  # the note may have been changed since it was read
            if found is None:
                raise KeyError(item.id)
            item, folder = found
            path = self.path(item)
            if not self.folder(item).is_dir():
                raise BadInput("the folder of its run is gone, so that it has no place to go to")
            folder.mkdir(exist_ok=True)
            if os.path.lexists(folder / path.name):
                raise BadInput("another picture is in its place")
            os.replace(path, folder / path.name)
            (place / ORIGIN).unlink(missing_ok=True)
            with suppress(OSError):
                place.rmdir()
            self.runs.pop(item.run, None)
            self.refresh(now=True)

    def trashed(self) -> Iterator[Item]:
        """Yield the pictures in the trash folder."""
        folder = trash_folder(self.root)
        for place in sorted(folder.iterdir()) if folder.is_dir() else ():
            if found := self.thrown(place):
                yield found[0]

    def thrown(self, place: Path) -> tuple[Item, Path] | None:
        """Return the picture in a folder of the trash, and the folder that it came from; None if
        its note is not as this program writes it, or a link is on the way."""
        if plain_folder(self.root, place.relative_to(self.root).as_posix()) is None:
            return None
        try:
            note = json_files.read(place / ORIGIN)
            item = item_of(note)
        except (OSError, ValueError):
            return None
        inner = note.get("place", "")
        if item.id != place.name or inner not in ("", OTHERS):
            return None
        folder = plain_folder(self.root, f"{item.run}/{inner}")
        return (item, folder) if folder else None


def item_of(note: Any) -> Item:
    """Return the picture of a note in the trash. ValueError unless its id, run, files and number
    are of the same picture, and every field has its type."""
    item = json_files.typed(Item, note)
    film = FILM.fullmatch(item.film or "")
    if not (
        item.number >= 0
        and is_inside(item.run)
        and not any(part.startswith(".") for part in Path(item.run).parts)
        and item.file in image_names(item.number)
        and (item.film is None or (film is not None and int(film[1]) == item.number))
        and item.id == picture_id(item.run, item.number)
    ):
        raise ValueError("it is the note of another picture")
    item.trashed = True
    return item


def stamp_of(folder: Path) -> object:
    """Return a value that changes when a picture of a run is made, moved or removed."""
    found = []
    for path in (folder, folder / MANIFEST, changes.path_in(folder), folder / OTHERS):
        with suppress(OSError):
            status = path.stat()
            found.append((path.name, status.st_mtime_ns, status.st_ino))
    return found


def read(folder: Path, run: str) -> list[Item]:
    """Return the finished pictures of a run; none if it cannot be read."""
    try:
        batch = reading.read(folder)
    except (BadInput, OSError):
        return []
    films = {int(found[1]): name for name in batch.files if (found := FILM.fullmatch(name))}
    return [
        Item(
            picture_id(run, one.number),
            run,
            one.number,
            one.file,
            batch.files[one.file],
            batch.made or "",
            one.prompt,
            one.unwanted,
            one.seed,
            one.score,
            one.seconds,
            one.names,
            films.get(one.number),
        )
        for one in batch.pictures
        if one.file
    ]


def size_of(path: Path) -> tuple[int, int]:
    """Return width and height of a picture from the beginning of its file."""
    with path.open("rb") as file:
        head = file.read(24)
    if head.startswith(PNG) and len(head) == 24:
        width, height = struct.unpack(">II", head[16:24])
        return width, height
    with Image.open(path, formats=thumbs.FORMATS) as image:
        return image.size


def newer(path: Path, other: Path) -> bool:
    """Return whether a file is there that is not older than another."""
    try:
        return path.stat().st_mtime >= other.stat().st_mtime
    except OSError:
        return False
