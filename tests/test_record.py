"""Folders, names and the text inside pictures."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guided import record

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


@given(st.text(max_size=300))
def test_no_prompt_makes_a_path_out_of_its_folder(text):
    name = record.slug(text)
    assert name
    assert len(name) <= 40
    assert len(name.encode()) <= 80
    assert not set(name) & set('/\\:.*?"<>|\0\n ')


def test_settings_come_back_from_a_picture(tmp_path):
    path = tmp_path / "picture.png"
    record.save_png(Image.new("RGB", (4, 4)), path, SETTINGS)
    assert record.read(path) == SETTINGS


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
