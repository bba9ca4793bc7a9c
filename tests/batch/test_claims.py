"""Several workers on one folder: no picture twice, none lost, and killed ones are noticed."""

import os
import signal
import subprocess
import sys

import pytest

from guided.batch import claims
from guided.batch.claims import Worker
from guided.batch.manifest import Manifest, Picture, Row
from guided.errors import BadInput


def batch(folder, groups=(0, 1, 2), rows=None):
    rows = rows or groups
    pictures = [Picture(k, rows[k], 7, group=first) for k, first in enumerate(groups)]
    Manifest("x", {"words": []}, [Row() for _ in range(max(rows) + 1)], pictures).write(folder)


def states(folder):
    return [picture.state for picture in Manifest.read(folder).pictures]


def numbers(pictures):
    return [picture.number for picture in pictures]


def test_a_manifest_comes_back_as_it_was_written_and_bears_a_later_versions_keys(tmp_path):
    batch(tmp_path)
    path = tmp_path / "manifest.json"
    before = Manifest.read(tmp_path)
    path.write_text(path.read_text().replace('"number"', '"mood": "blue", "number"'))
    assert Manifest.read(tmp_path) == before


@pytest.mark.parametrize("text", ["", "[]", "{", '{"rows": 3, "pictures": []}', '{"title": "x"}'])
def test_what_is_no_manifest_is_named(tmp_path, text):
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BadInput, match=r"manifest\.json"):
        Manifest.read(tmp_path)


def test_two_workers_never_have_the_same_picture(tmp_path):
    batch(tmp_path)
    with Worker.at(tmp_path) as one, Worker.at(tmp_path) as other:
        assert [numbers(w.claim()) for w in (one, other, one, other)] == [[0], [1], [2], []]


def test_pictures_of_a_group_are_taken_together(tmp_path):
    batch(tmp_path, groups=(0, 0, 2))
    with Worker.at(tmp_path) as one, Worker.at(tmp_path) as other:
        assert numbers(one.claim()) == [0, 1]
        assert numbers(other.claim()) == [2]


def test_a_half_finished_group_is_drawn_together_again_and_only_the_rest_is_claimed(tmp_path):
    batch(tmp_path, groups=(0, 0))
    with Worker.at(tmp_path) as one:
        one.claim()
        one.finish(0, "image_0000.png", 0.5, 1.0)
    with Worker.at(tmp_path) as other:
        taken = other.claim()
        assert numbers(taken) == [0, 1]
        assert [p.worker == other.name and p.state == "running" for p in taken] == [False, True]


def test_who_leaves_leaves_the_rest_to_others(tmp_path):
    batch(tmp_path)
    with Worker.at(tmp_path) as one:
        one.claim()
    assert states(tmp_path) == ["queued"] * 3


def test_a_failure_says_why_and_is_tried_again_when_nobody_is_at_work(tmp_path):
    batch(tmp_path)
    with Worker.at(tmp_path) as one:
        one.claim()
        one.fail([0], "no paint")
        claims.retry(tmp_path)
        assert states(tmp_path)[0] == "failed"
        assert Manifest.read(tmp_path).failed[0].why == "no paint"
    claims.retry(tmp_path)
    assert states(tmp_path)[0] == "queued"


def test_what_a_killed_worker_had_is_taken_again(tmp_path):
    batch(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from guided.batch.claims import Worker\n"
        "with Worker.at(Path(sys.argv[1])) as worker:\n"
        "    worker.claim(); print('mine', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "mine\n"
    with Worker.at(tmp_path) as one:
        assert numbers(one.claim()) == [1]  # the other one lives
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        other.stdout.close()
        assert numbers(one.claim()) == [0]


def test_when_all_is_done_the_locks_go(tmp_path):
    batch(tmp_path, groups=(0,))
    with Worker.at(tmp_path) as one:
        one.claim()
        one.finish(0, "image_0000.png", None, 1.0)
    assert not (tmp_path / ".work").exists()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_the_best_stay_in_whatever_order_they_are_finished(tmp_path, order):
    batch(tmp_path, groups=(0, 1, 2, 3), rows=(0, 0, 0, 0))
    scores = {0: 0.2, 1: 0.3, 2: 0.3, 3: None}
    with Worker.at(tmp_path) as one:
        for _ in order:
            one.claim()
        for number in order:
            (tmp_path / f"image_{number:04d}.png").touch()
            one.finish(number, f"image_{number:04d}.png", scores[number], 1.0, keep=1)
    assert sorted(path.name for path in tmp_path.glob("image_*")) == ["image_0001.png"]
    files = [picture.file for picture in Manifest.read(tmp_path).pictures]
    assert files[1] == "image_0001.png"
    assert all((tmp_path / file).exists() for file in files)


def test_who_was_killed_before_it_put_a_picture_aside_is_made_up_for(tmp_path, monkeypatch):
    batch(tmp_path, groups=(0, 1, 2), rows=(0, 0, 0))
    with Worker.at(tmp_path) as one:
        for number, score in ((0, 0.2), (1, 0.3)):
            one.claim()
            (tmp_path / f"image_{number:04d}.png").touch()
            with monkeypatch.context() as patch:
                patch.setattr(claims, "put_in_place", lambda folder, manifest: None)
                one.finish(number, f"image_{number:04d}.png", score, 1.0, keep=1)
        files = [picture.file for picture in Manifest.read(tmp_path).pictures[:2]]
        assert files == ["others/image_0000.png", "image_0001.png"]
        assert (tmp_path / "image_0000.png").exists()
        one.claim()
    assert all((tmp_path / file).exists() for file in files)


def test_half_written_files_go_once_nobody_can_be_writing_them(tmp_path):
    batch(tmp_path, groups=(0, 1))
    (tmp_path / "steps").mkdir()
    parts = [tmp_path / ".image_0000.png.77.part", tmp_path / "steps" / ".0000_0001.png.77.part"]
    for path in parts:
        path.touch()
    with Worker.at(tmp_path):
        with Worker.at(tmp_path):
            pass
        assert all(path.exists() for path in parts)
    assert not any(path.exists() for path in parts)
