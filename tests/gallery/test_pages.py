"""The files of the gallery: made once, kept up, never in the way."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from guided import gallery
from guided.errors import BadInput
from guided.gallery import page, pages, script
from tests.gallery.batches import entry, manifest, paint, save, save_metrics, save_steps, sweep


def entries(folder):
    [batch] = script.load(folder / "gallery-data.js")["batches"]
    return {one["number"]: one for one in batch["pictures"]}


@pytest.fixture
def batch(tmp_path):
    folder = tmp_path / "outputs" / "2026-11-22" / "142233-a-lighthouse"
    sweep(folder)
    return folder


def test_a_page_with_everything_beside_it(batch):
    gallery.update(batch)
    assert (batch / "index.html").is_file()
    assert {path.name for path in (batch / "thumbs").glob("[0-9]*")} == {
        f"{k:04d}.{kind}" for k in range(10) for kind in ("webp", "js")
    }
    found = entries(batch)
    assert found[3]["artist"] == ["hokusai"]
    assert found[10] == {
        "number": 10, "state": "failed", "prompt": "a lighthouse", "seed": 7, "at": [1, 2, 0],
        "seconds": 12.5, "why": "out of memory: try size=64", "artist": ["turner"],
        "model": ["embedded"],
    }  # fmt: skip
    making = script.load(batch / "thumbs" / "0000.js")
    assert making["plots"][0]["name"] == "similarity"


def test_a_thumbnail_is_made_once(batch):
    gallery.update(batch, now=True)
    before = {path.name: path.stat().st_ino for path in (batch / "thumbs").iterdir()}
    save(batch, 11)
    content = json.loads((batch / "manifest.json").read_text())
    content["pictures"][11] |= {"state": "done", "file": "image_0011.png"}
    (batch / "manifest.json").write_text(json.dumps(content))
    gallery.update(batch, now=True)
    after = {path.name: path.stat().st_ino for path in (batch / "thumbs").iterdir()}
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"0011.webp", "0011.js"}
    assert entries(batch)[11]["size"] == [96, 64]


def test_a_picture_drawn_anew_gets_another_thumbnail(batch):
    gallery.update(batch, now=True)
    before = (batch / "thumbs" / "0000.webp").read_bytes()
    path = save(batch, 0, paint(77))
    os.utime(path, (2e9, 2e9))
    gallery.update(batch, now=True)
    assert (batch / "thumbs" / "0000.webp").read_bytes() != before


def test_updates_that_follow_each_other_wait(batch):
    gallery.update(batch)
    (batch / "manifest.json").write_text("{}")
    gallery.update(batch)
    assert len(entries(batch)) == 12
    gallery.update(batch, now=True)
    assert entries(batch) == {}


def test_while_another_worker_writes_nothing_is_written_and_nobody_waits(batch):
    gallery.update(batch)
    (batch / "manifest.json").write_text("{}")
    os.utime(batch / "gallery-data.js", (1, 1))
    with pages.FileLock(batch / "thumbs" / ".lock"):
        code = (
            "import sys, pathlib; from guided import gallery; "
            "gallery.update(pathlib.Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", code, str(batch)], check=True)
        assert len(entries(batch)) == 12


@pytest.mark.parametrize(
    "broken", ["{", "[]", '{"pictures": 3}', '{"pictures": [{"number": {}}]}']
)
def test_nothing_stops_a_run(batch, broken):
    (batch / "manifest.json").write_text(broken)
    gallery.update(batch, now=True)
    gallery.update(batch / "nowhere", now=True)


def test_a_picture_that_cannot_be_opened_is_told_of_without_a_thumbnail(batch):
    (batch / "image_0001.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    gallery.update(batch, now=True)
    found = entries(batch)
    assert "size" not in found[1]
    assert found[0]["size"] == [96, 64]


def test_the_page_over_all_takes_batches_in_and_forgets_those_that_are_gone(batch):
    gallery.update(batch, now=True)
    other = batch.parent.parent / "2026-11-23" / "091500-灯塔 #1"
    save(other, 0)
    manifest(other, [entry(0)], made="2026-11-23T09:15:00+00:00", title="灯塔 #1")
    gallery.update(other, now=True)
    root = batch.parent.parent
    data = script.load(root / "gallery-data.js")
    assert [b["title"] for b in data["batches"]] == ["灯塔 #1", "a lighthouse"]
    assert data["batches"][0]["folder"] == "2026-11-23/091500-%E7%81%AF%E5%A1%94%20%231/"
    shutil.rmtree(batch)
    gallery.update(other, now=True)
    assert [b["title"] for b in script.load(root / "gallery-data.js")["batches"]] == ["灯塔 #1"]


def test_rebuilding_finds_every_run_old_and_new(tmp_path):
    root = tmp_path / "outputs"
    for day, name in (("2026-11-20", "100000-old"), ("2026-11-22", "142233-new")):
        folder = root / day / name
        save(folder, 0)
        save_steps(folder, 0, [10, 40])
    manifest(folder, [entry(0)])
    (root / "latest").symlink_to("2026-11-22/142233-new", target_is_directory=True)
    (root / "presets").mkdir()
    assert gallery.rebuild(root) == root / "index.html"
    data = script.load(root / "gallery-data.js")
    assert [b["at"] for b in data["batches"]] == ["2026-11-22/142233-new", "2026-11-20/100000-old"]
    assert (root / "2026-11-20" / "100000-old" / "index.html").is_file()


def test_rebuilding_one_batch_leaves_the_others_in_the_page_over_all(batch):
    other = batch.parent / "150000-other"
    save(other, 0)
    gallery.rebuild(batch.parent.parent)
    assert gallery.rebuild(other) == other / "index.html"
    data = script.load(batch.parent.parent / "gallery-data.js")
    assert {b["title"] for b in data["batches"]} == {"a lighthouse"}
    assert len(data["batches"]) == 2


def test_rebuilding_nothing_is_told(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="gallery="):
            gallery.rebuild(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_page_of_somebody_elses_stays(batch):
    (batch / "index.html").write_text("<h1>mine</h1>")
    os.utime(batch / "index.html", (1, 1))
    gallery.update(batch, now=True)
    assert (batch / "index.html").read_text() == "<h1>mine</h1>"


def test_an_older_page_of_ours_is_replaced(batch):
    gallery.update(batch, now=True)
    (batch / "index.html").write_bytes(page.MARK)
    os.utime(batch / "index.html", (1, 1))
    gallery.update(batch, now=True)
    assert (batch / "index.html").read_text() == page.render()


def test_the_pages_are_made_without_torch(batch):
    code = (
        "import sys, pathlib; from guided import gallery; "
        "gallery.update(pathlib.Path(sys.argv[1]), now=True); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(batch)], check=True)
    assert (batch / "index.html").is_file()


def test_a_long_batch_costs_little_to_keep_up(tmp_path, monkeypatch):
    """The work of an update is that of the new picture, not of all: counted, not timed."""
    for number in range(30):
        save(tmp_path, number)
        save_metrics(tmp_path, number, steps=3)
    manifest(tmp_path, [entry(number) for number in range(30)])
    gallery.update(tmp_path, now=True)
    opened = []
    whole = pages.thumbs.make
    monkeypatch.setattr(pages.thumbs, "make", lambda *args: opened.append(args) or whole(*args))
    save(tmp_path, 30)
    manifest(tmp_path, [entry(number) for number in range(31)])
    gallery.update(tmp_path, now=True)
    assert len(opened) == 1
