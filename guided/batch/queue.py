"""Who draws what: several processes, on one machine or many, work on one folder and never on the
same picture.

The manifest changes only under a lock. Each worker holds a lock of its own as long as it lives; it
is the system that lets go of it when the worker is killed, and what the worker had claimed is
queued again. Workers' locks are made, tried and removed under the manifest's, so that nobody
removes one that somebody is about to hold; the manifest's own is never removed. Knows nothing
about drawing.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from guided.errors import Failed
from guided.runs.layout import ASIDE, put_aside
from guided.runs.manifest import (
    DONE,
    FAILED,
    NAME,
    QUEUED,
    RUNNING,
    SKIPPED,
    Manifest,
    Picture,
)

WORK = ".work"  # the folder of locks and of pictures in the middle
LOCK = ".manifest.lock"
PATIENCE = 120  # seconds for the manifest's lock, which is held for milliseconds


def locked(folder: Path) -> FileLock:
    """Return the manifest's lock; Failed when the folder is gone, which the lock would make."""
    check_there(folder)
    return FileLock(folder / LOCK, timeout=PATIENCE)


def check_there(folder: Path) -> None:
    """Raise Failed if a folder that was begun has no manifest any more."""
    if not (folder / NAME).exists():
        raise Failed(f"{folder} was removed while it was drawn in: nothing more is drawn")


@contextmanager
def changing(folder: Path) -> Iterator[Manifest]:
    """The manifest under its lock, written when the block ends well."""
    with locked(folder):
        manifest = Manifest.read(folder)
        yield manifest
        manifest.write(folder)


@dataclass
class Claim:
    """One process that works on a folder."""

    folder: Path
    name: str
    life: FileLock

    @classmethod
    @contextmanager
    def at(cls, folder: Path) -> Iterator[Claim]:
        """For as long as it lives. What it still has when it leaves is queued again."""
        host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:64]
        name = f"{host}-{os.getpid()}-{secrets.token_hex(4)}"
        life = FileLock(life_of(folder, name), timeout=0)
        with locked(folder):
            (folder / WORK).mkdir(exist_ok=True)
            life.acquire()
        worker = cls(folder, name, life)
        try:
            yield worker
        finally:
            try:
                worker.leave()
            finally:
                life.release()  # also where the manifest is gone, or cannot be read any more

    def claim(self) -> list[Picture]:
        """The next pictures to draw together, which are its own from now on; [] when none is
        left. Those that are done already come too: they are drawn along but not kept again."""
        with changing(self.folder) as manifest:
            put_in_place(self.folder, manifest)
            dead = {name for name in claimants(manifest) if not self._lives(name)}
            free_those_of(manifest, dead)
            return take(manifest, self.name)

    def finish(
        self,
        number: int,
        file: str | None,
        score: float | None,
        seconds: float | None,
        keep: int | None = None,
    ) -> None:
        """It is there; and if its row keeps only the best, this may put one aside."""
        with changing(self.folder) as manifest:
            one = manifest.pictures[number]
            one.state, one.file, one.why = DONE, file, None
            one.score = None if score is None else round(score, 6)  # as its file has it
            one.seconds = None if seconds is None else round(seconds, 3)
            if keep:
                choose_best(list(manifest.of_row(one.row)), keep)
        put_in_place(self.folder, manifest)

    def fail(self, numbers: list[int], why: str) -> None:
        with changing(self.folder) as manifest:
            for number in numbers:
                one = manifest.pictures[number]
                if one.state == RUNNING and one.worker == self.name:
                    where = manifest.rows[one.row].where
                    one.state, one.why = FAILED, f"{where}: {why}".removeprefix(": ")

    def leave(self) -> None:
        """Whatever it has not finished is free for others; where all is done, the folder of locks
        goes."""
        with changing(self.folder) as manifest:
            free_those_of(manifest, {self.name})
            self.life.release()
            if not any([lives(self.folder, name) for name in workers(self.folder)]):
                # Nobody begins before the lock is free.
                sweep(self.folder)
                if all(one.state in (DONE, SKIPPED) for one in manifest.pictures):
                    shutil.rmtree(self.folder / WORK, ignore_errors=True)

    def _lives(self, name: str) -> bool:
        return name == self.name or lives(self.folder, name)


def sweep(folder: Path) -> None:
    """Files that were never finished, of those who were killed while they wrote."""
    for path in folder.rglob(".*.part"):
        with suppress(OSError):
            path.unlink()


def life_of(folder: Path, name: str) -> Path:
    return folder / WORK / f"worker-{name}.lock"


def lives(folder: Path, name: str) -> bool:
    """Does the worker hold its lock? Else the lock goes. Only to be asked under the manifest's
    lock."""
    path = life_of(folder, name)
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            pass
    except Timeout:
        return True
    with suppress(OSError):
        path.unlink()
    return False


def workers(folder: Path) -> set[str]:
    """All that hold a lock, or did until they were killed."""
    found = (folder / WORK).glob("worker-*.lock")
    return {path.name.removeprefix("worker-").removesuffix(".lock") for path in found}


def claimants(manifest: Manifest) -> set[str]:
    return {one.worker for one in manifest.pictures if one.state == RUNNING and one.worker}


def free_those_of(manifest: Manifest, names: set[str]) -> None:
    for one in manifest.pictures:
        if one.state == RUNNING and one.worker in names:
            one.state, one.worker = QUEUED, None


def take(manifest: Manifest, name: str) -> list[Picture]:
    """The first group in which a picture waits and none is being drawn."""
    busy = {one.group for one in manifest.pictures if one.state == RUNNING}
    groups = (o.group for o in manifest.pictures if o.state == QUEUED and o.group not in busy)
    group = next(groups, None)
    taken = [one for one in manifest.pictures if one.group == group]
    for one in taken:
        if one.state == QUEUED:
            one.state, one.worker, one.why = RUNNING, name, None
    return taken


def freed(folder: Path) -> Manifest:
    """As it is now, without claims of workers that are no more."""
    with changing(folder) as manifest:
        dead = {name for name in claimants(manifest) if not lives(folder, name)}
        free_those_of(manifest, dead)
        return manifest


def retry(folder: Path) -> None:
    """What failed is queued again, unless a worker is there who saw it fail just now, or its row
    could not even be read. What was done and deleted is skipped, as long as it is not there."""
    with changing(folder) as manifest:
        if not any([lives(folder, name) for name in workers(folder)]):
            for one in manifest.failed:
                if not manifest.rows[one.row].wrong:
                    one.state, one.worker = QUEUED, None
        there = names_in(folder) | names_in(folder / ASIDE)  # in the order in which they move
        for one in manifest.pictures:
            if one.state in (DONE, SKIPPED) and one.file:
                one.state = DONE if Path(one.file).name in there else SKIPPED


def names_in(folder: Path) -> set[str]:
    return set(os.listdir(folder)) if folder.is_dir() else set()


def choose_best(pictures: list[Picture], keep: int) -> None:
    """Of a row's finished pictures, all but the best belong aside. By the scores alone, so that
    it comes to the same in whatever order they were finished."""
    done = [one for one in pictures if one.state == DONE and one.file]
    ranked = sorted(
        done, key=lambda one: (-(one.score if one.score is not None else -2), one.number)
    )
    for one in ranked[keep:]:
        one.file = f"{ASIDE}/{Path(one.file).name}"


def put_in_place(folder: Path, manifest: Manifest) -> None:
    """Finished pictures to where the manifest says that they are. It says so first: what somebody
    who was killed did not come to is done by whoever comes next."""
    for one in manifest.pictures:
        if one.state == DONE and one.file and one.file.startswith(f"{ASIDE}/"):
            with suppress(FileNotFoundError):  # it is there, or on its way
                put_aside(folder / Path(one.file).name)
