"""Atomic writes, locks and the pointer to the latest run."""

import errno
import os
import stat
from pathlib import Path

import pytest
import torch

from guided.gallery import pages
from guided.runs import checkpoint, files
from guided.runs.manifest import Manifest, Picture, Row


def test_writing_leaves_no_half_file(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    files.write(path, b"first")
    monkeypatch.setattr(files.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        files.write(path, b"second")
    assert path.read_bytes() == b"first"


def test_latest_points_to_the_last_run(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        files.point_latest(tmp_path / name, tmp_path)
    assert (tmp_path / "latest").resolve() == (tmp_path / "two").resolve()


def test_a_link_that_can_be_made_takes_the_place_of_the_text_file(tmp_path, monkeypatch):
    """Where both are there, the text file is believed first."""
    (tmp_path / "one").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(files.os, "symlink", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
        files.point_latest(tmp_path / "one", tmp_path)
    assert (tmp_path / "latest.txt").read_text() == str(tmp_path / "one")
    files.point_latest(tmp_path / "one", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one"]


def test_processes_of_the_same_number_do_not_write_to_the_same_half_file(tmp_path, monkeypatch):
    """As in two containers that share a folder."""
    parts, replace = [], files.os.replace

    def replaced(part, path):
        parts.append(part.name)
        replace(part, path)

    monkeypatch.setattr(files.os, "getpid", lambda: 1)
    monkeypatch.setattr(files.os, "replace", replaced)
    for _ in range(2):
        files.write(tmp_path / "kept", b"x")
        files.point_latest(tmp_path, tmp_path)
    assert len(set(parts)) == 4
    assert all(name.startswith(".kept.") and name.endswith(".part") for name in parts[::2])


def test_what_is_durable_is_on_disk_before_it_has_its_name_and_the_name_after_it(
    tmp_path, monkeypatch
):
    """https://man7.org/linux/man-pages/man2/fsync.2.html: a file's name needs its folder's."""
    done, fsync, replace = [], files.os.fsync, files.os.replace

    def synced(number):
        about = os.fstat(number)
        done.append("folder" if stat.S_ISDIR(about.st_mode) else about.st_size)
        fsync(number)

    def replaced(part, path):
        done.append("name")
        replace(part, path)

    monkeypatch.setattr(files.os, "fsync", synced)
    monkeypatch.setattr(files.os, "replace", replaced)
    Manifest("x", {"words": []}, [Row()], [Picture(0, 0, 7)]).write(tmp_path)
    assert done == [(tmp_path / "manifest.json").stat().st_size, "name", "folder"]
    done.clear()
    checkpoint.save(tmp_path / "0000.safetensors", {"x": torch.zeros(9)}, "settings")
    assert done == [(tmp_path / "0000.safetensors").stat().st_size, "name", "folder"]


def test_a_full_disk_leaves_no_half_file_and_the_one_before(tmp_path, monkeypatch):
    files.write(tmp_path / "kept", b"before")

    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError):
        files.write(tmp_path / "kept", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before"


@pytest.mark.parametrize("kind", ["a link", "no plain file"])
def test_a_lock_is_a_plain_file(tmp_path, kind):
    """A folder of somebody else's could make us write anywhere."""
    path = tmp_path / ".lock"
    if kind == "a link":
        path.symlink_to(tmp_path / "elsewhere")
    else:
        path.mkdir()
    with pytest.raises(OSError, match=kind):
        files.lock(path, 0)
    assert not (tmp_path / "elsewhere").exists()


def test_the_latest_run_is_read_back_from_a_link_and_from_a_text_file(tmp_path, monkeypatch):
    (tmp_path / "one").mkdir()
    files.point_latest(tmp_path / "one", tmp_path)
    assert files.read_latest(tmp_path) == (tmp_path / "one").resolve()
    (tmp_path / "latest").unlink()
    (tmp_path / "two").mkdir()
    monkeypatch.setattr(files.os, "symlink", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
    files.point_latest(tmp_path / "two", tmp_path)
    assert files.read_latest(tmp_path) == tmp_path / "two"


def test_partial_files_of_killed_processes_are_removed_and_others_stay(tmp_path):
    (tmp_path / "steps").mkdir()
    for name in (".image_0000.png.1-ab.part", "steps/.0000_0010.png.2-cd.part", "part", "a.part"):
        (tmp_path / name).write_text("x")
    files.remove_unfinished(tmp_path)
    names = sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file())
    assert names == ["a.part", "part"]


@pytest.mark.parametrize(
    ("number", "place", "stops"),
    [
        (errno.ENOSPC, "elsewhere", True),
        (errno.EDQUOT, "elsewhere", True),
        (errno.EROFS, "elsewhere", True),
        (errno.EACCES, "batch/steps/a.png", True),
        (errno.EPERM, "batch", True),
        (errno.EACCES, "elsewhere/photo.png", False),  # a picture that a row needs
        (errno.ENOENT, "batch/a.png", False),
    ],
)
def test_what_stops_a_run_as_nothing_can_be_saved(tmp_path, number, place, stops):
    error = OSError(number, os.strerror(number), str(tmp_path / place))
    assert files.is_unwritable(error, tmp_path / "batch") == stops
    assert files.is_full(error) == (number in (errno.ENOSPC, errno.EDQUOT))


def test_other_errors_are_no_matter_of_writing(tmp_path):
    assert not files.is_unwritable(ValueError("x"), tmp_path)
    assert not files.is_unwritable(PermissionError(errno.EACCES, "no"), tmp_path)


def test_a_run_folder_that_was_removed_is_not_made_anew(tmp_path):
    run = tmp_path / "run"
    writer = checkpoint.CheckpointWriter(run / ".work" / "0000.safetensors", lambda: "x")
    writer.write({"x": torch.zeros(1)})  # warns
    with pytest.raises(FileNotFoundError):
        files.make_folder(run, run / ".work" / "frames" / "0000")
    with pytest.raises(FileNotFoundError):
        files.lock(run / ".manifest.lock", 0)
    pages.update(run, now=True)  # warns
    assert list(tmp_path.iterdir()) == []
    run.mkdir()
    files.make_folder(run, run / ".work" / "frames" / "0000")
    assert (run / ".work" / "frames" / "0000").is_dir()
    with files.lock(run / ".manifest.lock", 0):
        assert (run / ".manifest.lock").exists()
