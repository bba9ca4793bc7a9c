"""Several workers on one folder: no picture twice, none lost, and killed ones are noticed."""

import json
import os
import shutil
import signal
import subprocess
import sys
from datetime import date

import pytest
from filelock import FileLock, Timeout

from guided.batch import queue
from guided.batch.queue import Claim
from guided.errors import BadInput
from guided.runs import worker_locks
from guided.runs.manifest import Manifest, Picture, Row


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
    with Claim.at(tmp_path) as one, Claim.at(tmp_path) as other:
        assert [numbers(w.next_group()) for w in (one, other, one, other)] == [[0], [1], [2], []]


def test_pictures_of_a_group_are_taken_together(tmp_path):
    batch(tmp_path, groups=(0, 0, 2))
    with Claim.at(tmp_path) as one, Claim.at(tmp_path) as other:
        assert numbers(one.next_group()) == [0, 1]
        assert numbers(other.next_group()) == [2]


def test_a_half_finished_group_is_drawn_together_again_and_only_the_rest_is_claimed(tmp_path):
    batch(tmp_path, groups=(0, 0))
    with Claim.at(tmp_path) as one:
        one.next_group()
        one.finish(0, "image_0000.png", 0.5, 1.0)
    with Claim.at(tmp_path) as other:
        taken = other.next_group()
        assert numbers(taken) == [0, 1]
        assert [p.worker == other.name and p.state == "running" for p in taken] == [False, True]


def test_who_leaves_leaves_the_rest_to_others(tmp_path):
    batch(tmp_path)
    with Claim.at(tmp_path) as one:
        one.next_group()
    assert states(tmp_path) == ["queued"] * 3


def test_a_failure_says_why_and_is_tried_again_when_nobody_is_at_work(tmp_path):
    batch(tmp_path)
    with Claim.at(tmp_path) as one:
        one.next_group()
        one.fail([0], "no paint")
        queue.retry(tmp_path)
        assert states(tmp_path)[0] == "failed"
        assert Manifest.read(tmp_path).failed[0].why == "no paint"
    queue.retry(tmp_path)
    assert states(tmp_path)[0] == "queued"


def test_what_a_killed_worker_had_is_taken_again(tmp_path):
    batch(tmp_path)
    program = (
        "import sys, time; from pathlib import Path; from guided.batch.queue import Claim\n"
        "with Claim.at(Path(sys.argv[1])) as worker:\n"
        "    worker.next_group(); print('mine', flush=True); time.sleep(60)"
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "mine\n"
    with Claim.at(tmp_path) as one:
        assert numbers(one.next_group()) == [1]  # the other one lives
        os.kill(other.pid, signal.SIGKILL)
        other.wait()
        other.stdout.close()
        assert numbers(one.next_group()) == [0]


def test_when_all_is_done_the_locks_go(tmp_path):
    batch(tmp_path, groups=(0,))
    with Claim.at(tmp_path) as one:
        one.next_group()
        one.finish(0, "image_0000.png", None, 1.0)
    assert not (tmp_path / ".work").exists()


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 1, 0, 2)])
def test_the_best_stay_in_whatever_order_they_are_finished(tmp_path, order):
    batch(tmp_path, groups=(0, 1, 2, 3), rows=(0, 0, 0, 0))
    scores = {0: 0.2, 1: 0.3, 2: 0.3, 3: None}
    with Claim.at(tmp_path) as one:
        for _ in order:
            one.next_group()
        for number in order:
            (tmp_path / f"image_{number:04d}.png").touch()
            one.finish(number, f"image_{number:04d}.png", scores[number], 1.0, keep=1)
    assert sorted(path.name for path in tmp_path.glob("image_*")) == ["image_0001.png"]
    files = [picture.file for picture in Manifest.read(tmp_path).pictures]
    assert files[1] == "image_0001.png"
    assert all((tmp_path / file).exists() for file in files)


def test_who_was_killed_before_it_put_a_picture_aside_is_made_up_for(tmp_path, monkeypatch):
    batch(tmp_path, groups=(0, 1, 2), rows=(0, 0, 0))
    with Claim.at(tmp_path) as one:
        for number, score in ((0, 0.2), (1, 0.3)):
            one.next_group()
            (tmp_path / f"image_{number:04d}.png").touch()
            with monkeypatch.context() as patch:
                patch.setattr(queue, "move_files", lambda folder, manifest: None)
                one.finish(number, f"image_{number:04d}.png", score, 1.0, keep=1)
        files = [picture.file for picture in Manifest.read(tmp_path).pictures[:2]]
        assert files == ["others/image_0000.png", "image_0001.png"]
        assert (tmp_path / "image_0000.png").exists()
        one.next_group()
    assert all((tmp_path / file).exists() for file in files)


def test_half_written_files_go_once_nobody_can_be_writing_them(tmp_path):
    batch(tmp_path, groups=(0, 1))
    (tmp_path / "steps").mkdir()
    parts = [tmp_path / ".image_0000.png.77.part", tmp_path / "steps" / ".0000_0001.png.77.part"]
    for path in parts:
        path.touch()
    with Claim.at(tmp_path):
        with Claim.at(tmp_path):
            pass
        assert all(path.exists() for path in parts)
    assert not any(path.exists() for path in parts)


def entry(**changes):
    return {"number": 0, "row": 0, "seed": 7, "state": "queued"} | changes


def written(folder, *pictures, rows=({},)):
    found = {"title": "x", "base": {"words": []}, "rows": list(rows), "pictures": pictures}
    (folder / "manifest.json").write_text(json.dumps(found))


@pytest.mark.parametrize(
    "name", ["x/../../../../precious", "/precious", "..", "a/b", "a\n", "", 3]
)
def test_a_manifest_that_anyone_wrote_names_no_lock_outside_the_folder(tmp_path, name):
    precious = [tmp_path / "worker-x.lock", tmp_path / "precious.lock"]
    for path in precious:
        path.write_text("kept")
    (folder := tmp_path / "a" / "b").mkdir(parents=True)
    (folder / ".work" / "worker-x").mkdir(parents=True)
    written(folder, entry(state="running", worker=name))
    with Claim.at(folder) as one:
        assert numbers(one.next_group()) == [0]  # nobody lives who could have it
    assert [path.read_text() for path in precious] == ["kept", "kept"]


@pytest.mark.parametrize(
    "changes",
    [
        *({"number": 1}, {"number": False}, {"number": "0"}),
        *({"row": 1}, {"row": -1}, {"row": None}),
        *({"seed": "7"}, {"seed": -1}, {"seed": 1.5}),
        *({"state": "asleep"}, {"state": None}, {"state": ["done"]}),
        *({"group": 1}, {"prompt": 3}, {"why": ["a"]}, {"score": "high"}),
        *(
            {"file": name}
            for name in ("others/manifest.json", "manifest.json", "../image_0000.png")
        ),
        *({"file": name} for name in ("image_0001.png", "others/../image_0000.png", 7, [])),
    ],
)
def test_a_picture_that_cannot_be_is_refused(tmp_path, changes):
    written(tmp_path, entry(state="done", file="image_0000.png") | changes)
    with pytest.raises(BadInput, match=r"manifest\.json cannot be read: picture 0"):
        Manifest.read(tmp_path)
    assert (tmp_path / "manifest.json").exists()


@pytest.mark.parametrize("row", [{"words": "a"}, {"words": [1]}, {"where": 3}, {"settings": []}])
def test_a_row_that_cannot_be_is_refused(tmp_path, row):
    written(tmp_path, entry(), rows=[row])
    with pytest.raises(BadInput, match=r"manifest\.json cannot be read: row 0"):
        Manifest.read(tmp_path)


def test_a_manifest_nested_without_end_is_refused(tmp_path):
    (tmp_path / "manifest.json").write_text("[" * 100_000)
    with pytest.raises(BadInput, match=r"manifest\.json"):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("prompt", "kept"), [("\ud83d\ude00", "😀"), ("a\udce9b", "a?b"), ("\ude00\ud83d", "??")]
)
def test_a_prompt_that_is_no_utf8_leaves_a_manifest_that_can_be_read(tmp_path, prompt, kept):
    row = Row([f"prompt={prompt}"], {"prompt": prompt})
    Manifest(prompt, {"words": [prompt]}, [row], [Picture(0, 0, 7, prompt)]).write(tmp_path)
    found = Manifest.read(tmp_path)
    assert (found.title, found.base["words"], found.pictures[0].prompt) == (kept, [kept], kept)
    assert found.rows == [Row([f"prompt={kept}"], {"prompt": kept})]


def test_a_row_with_keys_that_only_yaml_has_leaves_a_manifest_that_can_be_read(tmp_path):
    row = Row([], {date(2026, 1, 1): "x", "size": {(1, 2): [{None: 3}]}}, wrong="no setting")
    Manifest("x", {"words": []}, [row], [Picture(0, 0, 7)]).write(tmp_path)
    kept = {"2026-01-01": "x", "size": {"(1, 2)": [{"None": 3}]}}
    assert Manifest.read(tmp_path).rows[0].settings == kept


def test_a_worker_that_begins_while_another_looks_who_lives_keeps_its_lock(tmp_path, monkeypatch):
    """It cannot take its lock between the other's look and the removal of dead ones' locks."""
    batch(tmp_path)
    tried = []

    def begin_too(folder, name, look=worker_locks.is_alive):
        with pytest.raises(Timeout), monkeypatch.context() as patch:
            patch.setattr(queue, "LOCK_TIMEOUT", 0)
            with Claim.at(folder):
                pass
        tried.append(name)
        return look(folder, name)

    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "worker-dead.lock").touch()
    with Claim.at(tmp_path) as one, Claim.at(tmp_path) as other:
        monkeypatch.setattr(worker_locks, "is_alive", begin_too)
        other.leave()
        monkeypatch.undo()
        assert {"dead", one.name} <= set(tried)
        assert worker_locks.workers(tmp_path) == {one.name}


def test_the_locks_folder_goes_before_anybody_else_can_begin(tmp_path, monkeypatch):
    batch(tmp_path, groups=(0,))
    gone = []

    def remove(path, ignore_errors, real=shutil.rmtree):
        with pytest.raises(Timeout), FileLock(tmp_path / queue.LOCK, timeout=0):
            pass
        gone.append(path)
        real(path, ignore_errors)

    monkeypatch.setattr(queue.shutil, "rmtree", remove)
    with Claim.at(tmp_path) as one:
        one.next_group()
        one.finish(0, "image_0000.png", None, 1.0)
    assert gone == [tmp_path / ".work"]


def test_rows_that_could_not_be_read_are_not_tried_again(tmp_path):
    rows = [{"wrong": "3 values for 2 columns"}, {}]
    failures = [entry(number=k, row=k, group=k, state="failed", why="no") for k in (0, 1)]
    written(tmp_path, *failures, rows=rows)
    queue.retry(tmp_path)
    assert states(tmp_path) == ["failed", "queued"]


def test_what_was_deleted_is_skipped_until_it_is_there_again(tmp_path):
    files = ["image_0000.png", "others/image_0001.png", "others/image_0002.png", "image_0003.webp"]
    done = [entry(number=k, group=k, state="done", file=file) for k, file in enumerate(files)]
    written(tmp_path, *done)
    (tmp_path / "others").mkdir()
    (tmp_path / files[1]).touch()
    (tmp_path / "image_0002.png").touch()  # on its way
    queue.retry(tmp_path)
    assert states(tmp_path) == ["skipped", "done", "done", "skipped"]
    with Claim.at(tmp_path) as one:
        assert one.next_group() == []
    assert not (tmp_path / ".work").exists()
    (tmp_path / files[0]).touch()
    queue.retry(tmp_path)
    assert states(tmp_path) == ["done", "done", "done", "skipped"]


def raw(folder):
    """Return the states in manifest.json alone, and the number of changes noted beside it."""
    content = json.loads((folder / "manifest.json").read_text())
    path = folder / ".work" / "changes.jsonl"
    noted = path.read_text().count("\n") if path.exists() else 0
    return [one["state"] for one in content["pictures"]], noted


def test_a_manifest_that_takes_long_to_write_is_written_rarely_and_all_see_the_changes(tmp_path):
    batch(tmp_path)
    with Claim.at(tmp_path) as one, Claim.at(tmp_path) as other:
        one.cost = other.cost = 60.0
        assert numbers(one.next_group()) == [0]
        assert numbers(other.next_group()) == [1]
        one.finish(0, "image_0000.png", 0.5, 1.0)
        assert numbers(one.next_group()) == [2]
        other.fail([1], "no paint")
        assert raw(tmp_path) == (["queued"] * 3, 5)
        assert states(tmp_path) == ["done", "failed", "running"]
        assert [p.state for p in Manifest.read_leniently(tmp_path).pictures] == states(tmp_path)
        assert [p.state for p in other.manifest.pictures] == states(tmp_path)
        other.cost = 0.0
        assert other.next_group() == []
        assert raw(tmp_path) == (["done", "failed", "running"], 0)
        one.finish(2, "image_0002.png", 0.5, 1.0)
    assert raw(tmp_path) == (["done", "failed", "done"], 0)


def test_changes_outlive_a_killed_worker_and_its_half_line(tmp_path):
    batch(tmp_path)
    program = (
        "import os, sys; from pathlib import Path; from guided.batch.queue import Claim\n"
        "with Claim.at(Path(sys.argv[1])) as worker:\n"
        "    worker.cost = 60.0\n"
        "    worker.next_group(); worker.finish(0, 'image_0000.png', 0.5, 1.0)\n"
        "    worker.next_group(); os.kill(os.getpid(), 9)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=False)
    assert raw(tmp_path) == (["queued"] * 3, 3)
    with (tmp_path / ".work" / "changes.jsonl").open("a") as file:
        file.write('{"number": 2, "state": "do')
    assert states(tmp_path) == ["done", "running", "queued"]
    with Claim.at(tmp_path) as one:
        one.cost = 60.0
        assert numbers(one.next_group()) == [1]
        assert states(tmp_path) == ["done", "running", "queued"]


def test_whoever_dies_between_writing_a_manifest_and_removing_its_changes_changes_nothing(
    tmp_path, monkeypatch
):
    batch(tmp_path)
    with Claim.at(tmp_path) as one:
        one.cost = 60.0
        one.next_group()
        one.fail([0], "no paint")
        with monkeypatch.context() as patch:
            patch.setattr(queue.changes, "remove", lambda folder: None)
            one.cost = 0.0
            one.finish(0, "image_0000.png", 0.5, 1.0)
        assert raw(tmp_path)[1] == 3
        assert states(tmp_path)[0] == "done"


@pytest.mark.parametrize(
    "line",
    [
        "[]",
        "{",
        '{"number": 9, "row": 0, "seed": 7}',
        '{"number": 1, "row": 0, "seed": 7, "group": 1}',
        '{"number": 0, "row": 0, "seed": 7, "group": 0, "file": "../../x"}',
        '{"number": [0], "row": 0, "seed": 7}',
        '{"state": "done"}',
    ],
)
def test_changes_that_cannot_be_right_are_named_like_a_manifest(tmp_path, line):
    batch(tmp_path)
    (tmp_path / ".work").mkdir()
    (tmp_path / ".work" / "changes.jsonl").write_text(line + "\n")
    with pytest.raises(BadInput, match=r"manifest\.json"):
        Manifest.read(tmp_path)
    with pytest.raises(BadInput, match=r"manifest\.json"), Claim.at(tmp_path) as one:
        one.next_group()
