"""The files of the gallery: made once, kept up, never in the way."""

import json
import os
import subprocess
import sys
import time

import pytest
from filelock import FileLock

from guided.errors import BadInput
from guided.gallery import page, pages, script
from tests.gallery.batches import entry, manifest, paint, save, save_metrics, save_steps, sweep


def entries(folder):
    [batch] = script.load(folder / "gallery-data.js")["batches"]
    return {one["number"]: one for one in batch["pictures"]}


def over_all(root):
    """The batches on the page over all: every line a call with one text, as a browser reads it."""
    lines = (root / "gallery-data.js").read_text(encoding="utf-8").splitlines()
    texts = [line.removeprefix("guidedGallery(").removesuffix(")") for line in lines]
    return [batch for text in texts for batch in json.loads(json.loads(text))["batches"]]


@pytest.fixture
def batch(tmp_path):
    folder = tmp_path / "outputs" / "2026-11-22" / "142233-a-lighthouse"
    sweep(folder)
    return folder


def test_a_page_with_everything_beside_it(batch):
    pages.update(batch)
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
    pages.update(batch, now=True)
    before = {path.name: path.stat().st_ino for path in (batch / "thumbs").iterdir()}
    save(batch, 11)
    content = json.loads((batch / "manifest.json").read_text())
    content["pictures"][11] |= {"state": "done", "file": "image_0011.png"}
    (batch / "manifest.json").write_text(json.dumps(content))
    pages.update(batch, now=True)
    after = {path.name: path.stat().st_ino for path in (batch / "thumbs").iterdir()}
    assert before.items() <= after.items()
    assert after.keys() - before.keys() == {"0011.webp", "0011.js"}
    assert entries(batch)[11]["size"] == [96, 64]


def test_a_picture_drawn_anew_gets_another_thumbnail(batch):
    pages.update(batch, now=True)
    before = (batch / "thumbs" / "0000.webp").read_bytes()
    path = save(batch, 0, paint(77))
    os.utime(path, (2e9, 2e9))
    pages.update(batch, now=True)
    assert (batch / "thumbs" / "0000.webp").read_bytes() != before


def test_updates_that_follow_each_other_wait(batch):
    pages.update(batch)
    (batch / "manifest.json").write_text("{}")
    pages.update(batch)
    assert len(entries(batch)) == 12
    pages.update(batch, now=True)
    assert entries(batch) == {}


def test_while_another_worker_writes_nothing_is_written_and_nobody_waits(batch):
    pages.update(batch)
    (batch / "manifest.json").write_text("{}")
    os.utime(batch / "gallery-data.js", (1, 1))
    with FileLock(batch / "thumbs" / ".lock"):
        code = (
            "import sys, pathlib; from guided.gallery import pages; "
            "pages.update(pathlib.Path(sys.argv[1]))"
        )
        subprocess.run([sys.executable, "-c", code, str(batch)], check=True)
        assert len(entries(batch)) == 12


@pytest.mark.parametrize(
    "broken", ["{", "[]", '{"pictures": 3}', '{"pictures": [{"number": {}}]}']
)
def test_nothing_stops_a_run(batch, broken):
    (batch / "manifest.json").write_text(broken)
    pages.update(batch, now=True)
    pages.update(batch / "nowhere", now=True)


def test_a_picture_that_cannot_be_opened_is_told_of_without_a_thumbnail(batch):
    (batch / "image_0001.png").write_bytes(b"\x89PNG\r\n\x1a\nbroken")
    pages.update(batch, now=True)
    found = entries(batch)
    assert "size" not in found[1]
    assert found[0]["size"] == [96, 64]


def test_rebuilding_finds_every_run_old_and_new(tmp_path):
    root = tmp_path / "outputs"
    for day, name in (("2026-11-20", "100000-old"), ("2026-11-22", "142233-new")):
        folder = root / day / name
        save(folder, 0)
        save_steps(folder, 0, [10, 40])
    manifest(folder, [entry(0)])
    (root / "latest").symlink_to("2026-11-22/142233-new", target_is_directory=True)
    (root / "presets").mkdir()
    assert pages.rebuild(root) == root / "index.html"
    assert [b["at"] for b in over_all(root)] == ["2026-11-22/142233-new", "2026-11-20/100000-old"]
    assert (root / "2026-11-20" / "100000-old" / "index.html").is_file()


def test_rebuilding_one_batch_leaves_the_others_in_the_page_over_all(batch):
    other = batch.parent / "150000-other"
    save(other, 0)
    pages.rebuild(batch.parent.parent)
    assert pages.rebuild(other) == other / "index.html"
    titles = [b["title"] for b in over_all(batch.parent.parent)]
    assert titles == ["a lighthouse", "a lighthouse"]


def test_rebuilding_nothing_is_told(tmp_path):
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(BadInput, match="gallery="):
            pages.rebuild(folder)
    assert list(tmp_path.iterdir()) == []


def test_the_pages_are_made_without_torch(batch):
    code = (
        "import sys, pathlib; from guided.gallery import pages; "
        "pages.update(pathlib.Path(sys.argv[1]), now=True); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(batch)], check=True)
    assert (batch / "index.html").is_file()


def test_a_long_batch_costs_little_to_keep_up(tmp_path, monkeypatch):
    """The work of an update is that of the new picture, not of all: counted, not timed."""
    for number in range(30):
        save(tmp_path, number)
        save_metrics(tmp_path, number, steps=3)
    manifest(tmp_path, [entry(number) for number in range(30)])
    pages.update(tmp_path, now=True)
    opened = []
    whole = pages.thumbs.make
    monkeypatch.setattr(pages.thumbs, "make", lambda *args: opened.append(args) or whole(*args))
    save(tmp_path, 30)
    manifest(tmp_path, [entry(number) for number in range(31)])
    pages.update(tmp_path, now=True)
    assert len(opened) == 1


# ---- folders from somebody else


def bring_programs(batch):
    """Into a folder whose data say that all is up to date."""
    pages.update(batch, now=True)
    for path in (batch / "thumbs").glob("*.js"):
        path.write_text("evil()\n" + path.read_text())
    (batch / "thumbs" / "0001.js").write_text('guidedGallery("" + evil())\n')
    (batch / "index.html").write_bytes(page.MARK + b"<script>evil()</script>")


def programs(root):
    paths = [*root.rglob("*.js"), *root.rglob("*.html")]
    return [path for path in paths if b"evil()" in path.read_bytes()]


def test_rebuilding_takes_over_nothing_that_came_with_a_folder(batch):
    root = batch.parent.parent
    bring_programs(batch)
    (batch / "thumbs" / "0000.webp").write_bytes(b"evil()")
    (root / "gallery-data.js").write_text("evil()\n")
    assert programs(root)
    pages.rebuild(root)
    assert programs(root) == []
    assert (batch / "thumbs" / "0000.webp").read_bytes() != b"evil()"
    assert over_all(root)[0]["title"] == "a lighthouse"


def test_going_on_with_a_folder_keeps_no_program_in_it(batch):
    bring_programs(batch)
    os.remove(batch / "image_0002.png")  # its details are not made anew, and not asked for either
    pages.update(batch, now=True)
    assert programs(batch) == [batch / "thumbs" / "0002.js"]
    assert "size" not in entries(batch)[2]
    assert entries(batch)[3]["size"] == [96, 64]


@pytest.mark.parametrize("make", [pages.update, pages.rebuild])
@pytest.mark.parametrize("name", ["thumbs", "thumbs/.lock"])
def test_nothing_is_written_through_a_link(batch, tmp_path, make, name, caplog):
    mine = tmp_path / "mine"
    if name == "thumbs":
        mine.mkdir()
    else:
        (batch / "thumbs").mkdir()
        mine.write_text("my text")
    (batch / name).symlink_to(mine)
    make(batch)
    assert "is a link" in caplog.text
    assert mine.read_text() == "my text" if mine.is_file() else list(mine.iterdir()) == []
    assert not (batch / "gallery-data.js").exists()


# ---- in the shadow of the drawing


def test_a_step_does_not_wait_for_another_run_at_the_page_over_all(batch):
    root = batch.parent.parent
    code = (
        "import sys, pathlib; from guided.gallery import pages; pages.WAIT = 1e6; "
        "pages.update(pathlib.Path(sys.argv[1]))"
    )
    with FileLock(root / ".gallery.lock"):
        subprocess.run([sys.executable, "-c", code, str(batch)], check=True, timeout=120)
    assert len(entries(batch)) == 12
    assert not (root / "gallery-data.js").exists()


def test_rows_of_which_only_some_have_a_seed_have_a_page(tmp_path):
    rows = [{"words": ["seed=5"], "settings": {"seed": 5}}, {"words": [], "settings": {}}]
    pictures = [entry(0, row=0, seed=5), entry(1, row=1, seed=3_802_092_227)]
    manifest(tmp_path, pictures, rows)
    [axis] = pages.build(tmp_path, 0)["axes"]
    assert axis == {"name": "seed", "values": ["5", "3802092227"]}


def test_the_data_say_when_a_worker_was_last_alive(tmp_path):
    """The page shows no time left for a batch whose worker was killed."""
    manifest(tmp_path, [entry(0, state="running", file=None, worker="a"), entry(1, state="done")])
    before = int(time.time())
    assert before <= pages.build(tmp_path, 0)["alive"] <= time.time() + 1
    os.utime(tmp_path / "manifest.json", (1e9, 1e9))  # a worker of another machine, long silent
    assert "alive" not in pages.build(tmp_path, 0, anew=True)
    assert entries(tmp_path)[0]["state"] == "stopped"
    manifest(tmp_path, [entry(0, state="queued", file=None), entry(1)])
    assert "alive" not in pages.build(tmp_path, 0)
