"""The queue of a batch's pictures, for several workers on one machine or many.

The manifest changes only under its lock. Each worker holds a lock of its own while it lives; the
system releases it when the worker is killed, and the pictures that it had claimed are queued
again. Workers' locks are made, tested and removed under the manifest's lock, so that none is
removed that a worker is about to hold; the manifest's lock is never removed.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from guided.errors import Failed
from guided.runs import changes, files, worker_locks
from guided.runs.layout import LOCK, MANIFEST, OTHERS, WORK, move_to_others
from guided.runs.manifest import (
    DONE,
    FAILED,
    LARGEST,
    QUEUED,
    RUNNING,
    SKIPPED,
    UNREADABLE,
    Manifest,
    Picture,
    as_line,
    stamp,
)

RARELY = 100  # times what writing a manifest takes passes before it is written again
LOCK_TIMEOUT = 120  # seconds for the manifest's lock, which is held for milliseconds


def locked(folder: Path) -> FileLock:
    """Return the manifest's lock. Failed if the folder, which the lock would make, is gone."""
    check_exists(folder)
    return files.lock(folder / LOCK, LOCK_TIMEOUT)


def check_exists(folder: Path) -> None:
    """Raise Failed if a batch's folder has no manifest any more."""
    if not (folder / MANIFEST).exists():
        raise Failed(f"{folder} was removed while it was drawn in: nothing more is drawn")


@contextmanager
def changing(folder: Path) -> Iterator[Manifest]:
    """Yield the manifest under its lock, and write it if the block raises no error."""
    with locked(folder):
        manifest = Manifest.read(folder)
        yield manifest
        save(folder, manifest)


def save(folder: Path, manifest: Manifest, whole: bool = True) -> None:
    """Write the manifest, or only note which of its pictures have changed."""
    if not whole or changes.path_in(folder).exists():  # or those in there would be made again
        changes.append(folder, map(as_line, manifest.changed.values()))
    manifest.changed.clear()
    if whole:
        manifest.write(folder)
        changes.remove(folder)


@dataclass
class Claim:
    """A worker's claims on pictures of a batch."""

    folder: Path
    name: str  # of the worker
    lock: FileLock  # held while the worker lives
    known: tuple[Any, Manifest] | None = None  # the manifest as it was last read or written, ...
    noted: int = 0  # ... with this many of its changes
    cost: float = 0.0  # seconds that writing it took

    @classmethod
    @contextmanager
    def at(cls, folder: Path) -> Iterator[Claim]:
        """Register a worker while the block lasts. Pictures that it has not finished then are
        queued again."""
        name = worker_locks.new_name()
        with locked(folder):
            (folder / WORK).mkdir(exist_ok=True)
            lock = files.lock(worker_locks.worker_lock(folder, name), 0)
            lock.acquire()
        claim = cls(folder, name, lock)
        try:
            yield claim
        finally:
            try:
                claim.leave()
            finally:
                lock.release()  # also if the manifest is gone or cannot be read any more

    @contextmanager
    def changing(self) -> Iterator[Manifest]:
        """Yield the manifest under its lock, and write it, or note the changes while writing the
        whole would take more than a small share of the time."""
        with locked(self.folder):
            manifest = self.current()
            self.known = None  # until all of it is saved
            yield manifest
            path = self.folder / MANIFEST
            whole = abs(time.time() - path.stat().st_mtime) >= RARELY * self.cost
            began, noted = time.perf_counter(), self.noted + len(manifest.changed)
            save(self.folder, manifest, whole)
            self.cost = time.perf_counter() - began if whole else self.cost
            self.known, self.noted = (stamp(path), manifest), 0 if whole else noted

    @property
    def manifest(self) -> Manifest:
        """Return the manifest after the worker's last change, or as it is before the first."""
        return Manifest.read(self.folder) if self.known is None else self.known[1]

    def current(self) -> Manifest:
        """Return the manifest, which is read again only if another worker wrote it."""
        if self.known is not None and self.known[0] == stamp(self.folder / MANIFEST):
            with suppress(*UNREADABLE):
                more = changes.read(self.folder, LARGEST, self.noted)
                self.known[1].apply(more)
                self.noted += len(more)
                return self.known[1]
        manifest = Manifest.read(self.folder)
        self.noted = len(changes.read(self.folder, LARGEST))
        return manifest

    def next_group(self) -> list[Picture]:
        """Claim and return the next pictures to draw together; [] if none is left. Pictures of the
        group that are done are included: they are drawn again, but not saved."""
        with self.changing() as manifest:
            move_files(self.folder, manifest)
            dead = {name for name in claimants(manifest) if not self._is_alive(name)}
            release(manifest, dead)
            return [replace(one) for one in take(manifest, self.name)]

    def finish(
        self,
        number: int,
        file: str | None,
        score: float | None,
        seconds: float | None,
        keep: int | None = None,
        why: str | None = None,
    ) -> None:
        """Mark a picture as done; `why`: why it may not show what was asked for. If its row has
        only its `keep` best pictures in the folder, this may move one to others/."""
        with self.changing() as manifest:
            one = manifest.pictures[number]
            manifest.change(
                one,
                state=DONE,
                file=file,
                why=why,
                score=None if score is None else round(score, 6),  # as its file has it
                seconds=None if seconds is None else round(seconds, 3),
            )
            if keep:
                choose_best(manifest, one.row, keep)
        move_files(self.folder, manifest)

    def fail(self, numbers: list[int], why: str) -> None:
        """Mark the worker's pictures among these numbers as failed."""
        with self.changing() as manifest:
            for number in numbers:
                one = manifest.pictures[number]
                if one.state == RUNNING and one.worker == self.name:
                    where = manifest.rows[one.row].where
                    told = f"{where}: {why}".removeprefix(": ")
                    manifest.change(one, state=FAILED, why=told)

    def leave(self) -> None:
        """Queue the worker's unfinished pictures again. The last worker to leave removes partial
        files, and the folder of work if all pictures are done."""
        with changing(self.folder) as manifest:
            release(manifest, {self.name})
            self.lock.release()
            # No worker can begin while the manifest is locked.
            if not worker_locks.any_alive(self.folder):
                files.remove_unfinished(self.folder)
                if all(one.state in (DONE, SKIPPED) for one in manifest.pictures):
                    shutil.rmtree(self.folder / WORK, ignore_errors=True)

    def _is_alive(self, name: str) -> bool:
        return name == self.name or worker_locks.is_alive(self.folder, name)


def claimants(manifest: Manifest) -> set[str]:
    """Return the names of workers that have claimed pictures."""
    return {one.worker for one in manifest.pictures if one.state == RUNNING and one.worker}


def release(manifest: Manifest, names: set[str]) -> None:
    """Queue the unfinished pictures of these workers again."""
    for one in manifest.pictures:
        if one.state == RUNNING and one.worker in names:
            manifest.change(one, state=QUEUED, worker=None)


def take(manifest: Manifest, name: str) -> list[Picture]:
    """Claim and return the first group in which a picture is queued and none is being drawn."""
    busy = {one.group for one in manifest.pictures if one.state == RUNNING}
    groups = (o.group for o in manifest.pictures if o.state == QUEUED and o.group not in busy)
    group = next(groups, None)
    taken = [one for one in manifest.pictures if one.group == group]
    for one in taken:
        if one.state == QUEUED:
            manifest.change(one, state=RUNNING, worker=name, why=None)
    return taken


def release_dead(folder: Path) -> Manifest:
    """Queue the pictures of dead workers again, and return the manifest."""
    with changing(folder) as manifest:
        release(
            manifest,
            {name for name in claimants(manifest) if not worker_locks.is_alive(folder, name)},
        )
        return manifest


def retry(folder: Path) -> None:
    """Queue failed pictures again, unless a worker is alive, which has just seen them fail, or
    their row cannot be read. Done pictures whose file was deleted become skipped."""
    with changing(folder) as manifest:
        if not worker_locks.any_alive(folder):
            for one in manifest.failed:
                if not manifest.rows[one.row].wrong:
                    manifest.change(one, state=QUEUED, worker=None)
        names = names_in(folder) | names_in(folder / OTHERS)  # in the order in which files move
        for one in manifest.pictures:
            if one.state in (DONE, SKIPPED) and one.file:
                state = DONE if Path(one.file).name in names else SKIPPED
                manifest.change(one, state=state)


def names_in(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def choose_best(manifest: Manifest, row: int, keep: int) -> None:
    """Assign all but the `keep` best of a row's finished pictures to others/. The choice depends
    on scores and numbers, and not on the order in which the pictures were finished."""
    done = [one for one in manifest.of_row(row) if one.state == DONE and one.file]
    ranked = sorted(
        done, key=lambda one: (-(one.score if one.score is not None else -2), one.number)
    )
    for one in ranked[keep:]:
        manifest.change(one, file=f"{OTHERS}/{Path(one.file or '').name}")


def move_files(folder: Path, manifest: Manifest) -> None:
    """Move finished pictures to others/ where the manifest has them there. The manifest is written
    first, so the next worker does it if one is killed in between."""
    for one in manifest.pictures:
        if one.state == DONE and one.file and one.file.startswith(f"{OTHERS}/"):
            with suppress(FileNotFoundError):  # moved already, or just now by another worker
                move_to_others(folder / Path(one.file).name)
