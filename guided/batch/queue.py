"""The queue of a batch's pictures, for several workers on one machine or many.

The manifest changes only under its lock. Each worker holds a lock of its own while it lives; the
system releases it when the worker is killed, and the pictures that it had claimed are queued
again. Workers' locks are made, tested and removed under the manifest's lock, so that none is
removed that a worker is about to hold; the manifest's lock is never removed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from guided.errors import Failed
from guided.runs import files, worker_locks
from guided.runs.layout import LOCK, MANIFEST, OTHERS, WORK, move_to_others
from guided.runs.manifest import DONE, FAILED, QUEUED, RUNNING, SKIPPED, Manifest, Picture

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
        manifest.write(folder)


@dataclass
class Claim:
    """A worker's claims on pictures of a batch."""

    folder: Path
    name: str  # of the worker
    lock: FileLock  # held while the worker lives

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

    def next_group(self) -> list[Picture]:
        """Claim and return the next pictures to draw together; [] if none is left. Pictures of the
        group that are done are included: they are drawn again, but not saved."""
        with changing(self.folder) as manifest:
            move_files(self.folder, manifest)
            dead = {name for name in claimants(manifest) if not self._is_alive(name)}
            release(manifest, dead)
            return take(manifest, self.name)

    def finish(
        self,
        number: int,
        file: str | None,
        score: float | None,
        seconds: float | None,
        keep: int | None = None,
    ) -> None:
        """Mark a picture as done. If its row has only its `keep` best pictures in the folder, this
        may move one to others/."""
        with changing(self.folder) as manifest:
            one = manifest.pictures[number]
            one.state, one.file, one.why = DONE, file, None
            one.score = None if score is None else round(score, 6)  # as its file has it
            one.seconds = None if seconds is None else round(seconds, 3)
            if keep:
                choose_best(list(manifest.of_row(one.row)), keep)
        move_files(self.folder, manifest)

    def fail(self, numbers: list[int], why: str) -> None:
        """Mark the worker's pictures among these numbers as failed."""
        with changing(self.folder) as manifest:
            for number in numbers:
                one = manifest.pictures[number]
                if one.state == RUNNING and one.worker == self.name:
                    where = manifest.rows[one.row].where
                    one.state, one.why = FAILED, f"{where}: {why}".removeprefix(": ")

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
            one.state, one.worker = QUEUED, None


def take(manifest: Manifest, name: str) -> list[Picture]:
    """Claim and return the first group in which a picture is queued and none is being drawn."""
    busy = {one.group for one in manifest.pictures if one.state == RUNNING}
    groups = (o.group for o in manifest.pictures if o.state == QUEUED and o.group not in busy)
    group = next(groups, None)
    taken = [one for one in manifest.pictures if one.group == group]
    for one in taken:
        if one.state == QUEUED:
            one.state, one.worker, one.why = RUNNING, name, None
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
                    one.state, one.worker = QUEUED, None
        names = names_in(folder) | names_in(folder / OTHERS)  # in the order in which files move
        for one in manifest.pictures:
            if one.state in (DONE, SKIPPED) and one.file:
                one.state = DONE if Path(one.file).name in names else SKIPPED


def names_in(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def choose_best(pictures: list[Picture], keep: int) -> None:
    """Assign all but the `keep` best of a row's finished pictures to others/. The choice depends
    on scores and numbers, and not on the order in which the pictures were finished."""
    done = [one for one in pictures if one.state == DONE and one.file]
    ranked = sorted(
        done, key=lambda one: (-(one.score if one.score is not None else -2), one.number)
    )
    for one in ranked[keep:]:
        one.file = f"{OTHERS}/{Path(one.file or '').name}"


def move_files(folder: Path, manifest: Manifest) -> None:
    """Move finished pictures to others/ where the manifest has them there. The manifest is written
    first, so the next worker does it if one is killed in between."""
    for one in manifest.pictures:
        if one.state == DONE and one.file and one.file.startswith(f"{OTHERS}/"):
            with suppress(FileNotFoundError):  # moved already, or just now by another worker
                move_to_others(folder / Path(one.file).name)
