"""The page of all batches: one line of data for each, newest first, and no program among them."""

import json
import shutil
from pathlib import Path

import pytest
from filelock import FileLock, Timeout
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guided.gallery import overview, page, pages, script
from tests.gallery.batches import entry, manifest, save, sweep

DAYS = ["2026-11-20", "2026-11-21", "2026-11-22"]


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


def data(made: str | None, title: str = "x") -> dict:
    """The data of a batch, as far as this page looks at them."""
    return {"made": made, "title": title, "pictures": []}


@pytest.mark.parametrize(
    ("folder", "root"),
    [
        ("outputs/2026-11-22/142233-a", "outputs"),
        ("2026-11-22/a", "."),
        ("outputs/a", None),
        ("outputs/2026-11-22", None),
        ("outputs/2026-11-2/a", None),
        ("outputs/x2026-11-22/a", None),
        ("outputs/2026-11-22x/a", None),
    ],
)
def test_only_folders_of_a_day_have_a_page_over_all(folder, root):
    assert overview.root_of(Path(folder)) == (root and Path(root))


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=9
).filter(lambda name: name not in (".", "..") and len(name.encode()) < 200)


@settings(deadline=None, max_examples=40, suppress_health_check=list(HealthCheck))
@given(batches=st.dictionaries(st.tuples(st.sampled_from(DAYS), NAMES), NAMES, max_size=4))
def test_batches_of_any_name_stay_from_run_to_run(tmp_path_factory, batches):
    """Each run brings its own batch alone; the line of every other is kept to the byte."""
    root = tmp_path_factory.mktemp("outputs")
    for number, ((day, name), title) in enumerate(batches.items()):
        (root / day / name).mkdir(parents=True, exist_ok=True)
        before = (root / script.DATA).read_bytes() if number else b""
        overview.join(root, {root / day / name: data(f"2026-11-22T14:22:{number:02d}", title)}, 9)
        assert (root / script.DATA).read_bytes().endswith(before)
    if batches:
        found = over_all(root)
        assert [(one["at"], one["title"]) for one in found] == [
            (f"{day}/{name}", title) for (day, name), title in reversed(batches.items())
        ]
        assert all(one["folder"].isascii() and one["folder"].endswith("/") for one in found)
        assert (root / page.NAME).is_file()


def test_new_batches_stand_newest_first_and_those_without_a_time_last(tmp_path):
    made = {"b": "2026-11-22T10", "a": "2026-11-22T10", "old": "2026-11-20T10", "odd": None}
    built = {tmp_path / "2026-11-22" / name: data(time) for name, time in made.items()}
    for folder in built:
        folder.mkdir(parents=True)
    overview.join(tmp_path, built, 9)
    names = [Path(one["at"]).name for one in over_all(tmp_path)]
    assert names == ["b", "a", "old", "odd"]


def test_a_batch_that_is_drawn_on_has_one_line(tmp_path):
    folders = [tmp_path / "2026-11-22" / name for name in ("a", "b")]
    for title in ("one", "two"):
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
            overview.join(tmp_path, {folder: data("2026-11-22T10", title)}, 9)
    assert [one["title"] for one in over_all(tmp_path)] == ["two", "two"]


def test_made_anew_it_has_what_is_built_now_and_nothing_of_before(tmp_path):
    folders = [tmp_path / "2026-11-22" / name for name in ("a", "b")]
    for folder in folders:
        folder.mkdir(parents=True)
        overview.join(tmp_path, {folder: data("2026-11-22T10")}, 9)
    assert len(over_all(tmp_path)) == 2
    overview.join(tmp_path, {folders[0]: data("2026-11-22T10")}, 9, anew=True)
    assert [one["at"] for one in over_all(tmp_path)] == ["2026-11-22/a"]


def test_a_file_in_the_place_of_a_batch_is_no_batch(tmp_path):
    folder = tmp_path / "2026-11-22" / "a"
    folder.mkdir(parents=True)
    overview.join(tmp_path, {folder: data("2026-11-22T10")}, 9)
    folder.rmdir()
    folder.touch()
    overview.join(tmp_path, {}, 9)
    assert over_all(tmp_path) == []


def test_while_another_process_writes_it_waits_as_long_as_it_is_told_and_writes_nothing(tmp_path):
    with FileLock(tmp_path / ".gallery.lock"), pytest.raises(Timeout):
        overview.join(tmp_path, {}, 0)
    assert not (tmp_path / script.DATA).exists()


def test_the_page_over_all_takes_batches_in_and_forgets_those_that_are_gone(batch):
    pages.update(batch, now=True)
    other = batch.parent.parent / "2026-11-23" / "091500-灯塔 #1"
    save(other, 0)
    manifest(other, [entry(0)], made="2026-11-23T09:15:00+00:00", title="灯塔 #1")
    pages.update(other, now=True)
    root = batch.parent.parent
    found = over_all(root)
    assert [b["title"] for b in found] == ["灯塔 #1", "a lighthouse"]
    assert found[0]["folder"] == "2026-11-23/091500-%E7%81%AF%E5%A1%94%20%231/"
    shutil.rmtree(batch)
    pages.update(other, now=True)
    assert [b["title"] for b in over_all(root)] == ["灯塔 #1"]


def test_what_is_no_data_goes_from_the_page_over_all_and_the_rest_stays(batch):
    other = batch.parent / "150000-other"
    save(other, 0)
    pages.update(other, now=True)
    data = batch.parent.parent / "gallery-data.js"
    [line] = data.read_bytes().splitlines()
    bad = [b"evil()", line + b";evil()", line[:-1] + b"+evil())", line[:40], b""]
    data.write_bytes(b"\n".join([*bad, line, *bad]))
    pages.update(batch, now=True)
    mine, rest = data.read_bytes().splitlines()
    assert rest == line
    assert b"142233-a-lighthouse" in mine


def test_a_run_reads_no_batch_but_its_own(batch, monkeypatch):
    """However many there are, what is done for them is to keep their lines."""
    root = batch.parent.parent
    for number in range(5):
        folder = root / "2026-11-21" / f"10000{number}-old"
        save(folder, 0)
        pages.update(folder, now=True)
    parsed, dumped = [], []
    load, dumps = script.load, script.dumps
    monkeypatch.setattr(script, "load", lambda path: parsed.append(path) or load(path))
    monkeypatch.setattr(script, "dumps", lambda data: dumped.append(data) or dumps(data))
    pages.update(batch, now=True)
    pages.update(batch, now=True)
    assert set(parsed) == {batch / "gallery-data.js"}
    batches_dumped = [b["title"] for data in dumped for b in data.get("batches", [])]
    assert set(batches_dumped) == {"a lighthouse"}
    assert len(over_all(root)) == 6
