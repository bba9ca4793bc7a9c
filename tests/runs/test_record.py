"""Folders, names and the text inside pictures."""

import errno
import os
import stat
from datetime import datetime
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guided.errors import BadInput
from guided.runs import checkpoint, record
from guided.runs.manifest import Manifest, Picture, Row

NOW = datetime(2026, 11, 21, 14, 22, 33)
SETTINGS = {
    "prompt": "a <b>cat</b>, 一只猫 ${x}",
    "negative": None,
    "steps": 3,
    "seed": 1,
    "size": [32, 32],
    "model": {"name": "embedded"},
    "clip": {"a": {}},
    "sampler": {"_target_": "guided.diffusion.samplers.DDIM"},
}


def test_a_folder_is_named_by_time_and_prompt(tmp_path):
    folder = record.new_folder(tmp_path, "A Red  Heart!", NOW)
    assert folder == tmp_path / "2026-11-21" / "142233-a-red-heart"


@pytest.mark.parametrize("format", ["png", "webp", "jpeg"])
def test_settings_come_back_from_a_picture(tmp_path, format):
    path = tmp_path / "picture"
    record.save(Image.new("RGB", (4, 4)), path, SETTINGS, format)
    assert record.read(path) == SETTINGS


@given(st.text(max_size=300))
def test_no_prompt_makes_a_path_out_of_its_folder(text):
    name = record.slug(text)
    assert name
    assert len(name) <= 40
    assert len(name.encode()) <= 80
    assert not set(name) & set('/\\:.*?"<>|\0\n ')


def test_a_foreign_picture_has_no_settings(tmp_path):
    Image.new("RGB", (4, 4)).save(tmp_path / "photo.png")
    assert record.read(tmp_path / "photo.png") == {}


def test_writing_leaves_no_half_file(tmp_path, monkeypatch):
    path = tmp_path / "kept"
    record.write(path, b"first")
    monkeypatch.setattr(record.os, "replace", lambda *_: (_ for _ in ()).throw(OSError("full")))
    with pytest.raises(OSError, match="full"):
        record.write(path, b"second")
    assert path.read_bytes() == b"first"


def test_latest_points_to_the_last_run(tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        record.point_latest(tmp_path / name, tmp_path)
    assert (tmp_path / "latest").resolve() == (tmp_path / "two").resolve()


def test_a_link_that_can_be_made_takes_the_place_of_the_text_file(tmp_path, monkeypatch):
    """Where both are there, the text file is believed first."""
    (tmp_path / "one").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr(record.os, "symlink", lambda *_, **__: (_ for _ in ()).throw(OSError("no")))
        record.point_latest(tmp_path / "one", tmp_path)
    assert (tmp_path / "latest.txt").read_text() == str(tmp_path / "one")
    record.point_latest(tmp_path / "one", tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "one"]


def test_processes_of_the_same_number_do_not_write_to_the_same_half_file(tmp_path, monkeypatch):
    """As in two containers that share a folder."""
    parts, replace = [], record.os.replace

    def replaced(part, path):
        parts.append(part.name)
        replace(part, path)

    monkeypatch.setattr(record.os, "getpid", lambda: 1)
    monkeypatch.setattr(record.os, "replace", replaced)
    for _ in range(2):
        record.write(tmp_path / "kept", b"x")
        record.point_latest(tmp_path, tmp_path)
    assert len(set(parts)) == 4
    assert all(name.startswith(".kept.") and name.endswith(".part") for name in parts[::2])


def test_what_is_durable_is_on_disk_before_it_has_its_name_and_the_name_after_it(
    tmp_path, monkeypatch
):
    """https://man7.org/linux/man-pages/man2/fsync.2.html: a file's name needs its folder's."""
    done, fsync, replace = [], record.os.fsync, record.os.replace

    def synced(number):
        about = os.fstat(number)
        done.append("folder" if stat.S_ISDIR(about.st_mode) else about.st_size)
        fsync(number)

    def replaced(part, path):
        done.append("name")
        replace(part, path)

    monkeypatch.setattr(record.os, "fsync", synced)
    monkeypatch.setattr(record.os, "replace", replaced)
    Manifest("x", {"words": []}, [Row()], [Picture(0, 0, 7)]).write(tmp_path)
    assert done == [(tmp_path / "manifest.json").stat().st_size, "name", "folder"]
    done.clear()
    checkpoint.save(tmp_path / "0000.safetensors", {"x": torch.zeros(9)}, "settings")
    assert done == [(tmp_path / "0000.safetensors").stat().st_size, "name", "folder"]


def test_a_full_disk_leaves_no_half_file_and_the_one_before(tmp_path, monkeypatch):
    record.write(tmp_path / "kept", b"before")

    def full(path, data):
        with path.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError):
        record.write(tmp_path / "kept", b"after")
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    assert (tmp_path / "kept").read_bytes() == b"before"


@pytest.mark.parametrize(("text", "kept"), [("\ud83d\ude00", "😀"), ("a\udce9", "a?")])
def test_halves_of_surrogate_pairs_are_joined_in_yaml_and_leave_a_file(tmp_path, text, kept):
    data = record.as_yaml({"prompt": text, text: [text]}).encode()
    assert record.from_yaml(data.decode(), "run.yaml") == {"prompt": kept, kept: [kept]}


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("!!python/object/apply:os.system [ls]", "cannot be read"),
        ("a: [", "cannot be read"),
        ("[" * 5000, "cannot be read"),
        ("- just\n- a list", "no mapping"),
        ("a: &a [x, x]\nb: [*a, *a]", "refer to each other"),
        ("a: " + "b" * 1_000_001, "more than"),
        ("a: 2026-99-99", "cannot be read"),
    ],
)
def test_settings_that_anyone_wrote_are_plain_data_or_refused(text, part):
    with pytest.raises(BadInput, match=part) as caught:
        record.from_yaml(text, "x.png")
    assert str(caught.value).startswith("x.png")
    assert "\n" not in str(caught.value)
