"""Every picture: found, searched, marked, thrown away and taken back."""

import json
import os
from pathlib import Path

import pytest
from PIL import Image

from guided.errors import BadInput
from guided.studio.files_by_id import picture_id
from guided.studio.library import Library, size_of
from guided.studio.places import trash_folder
from tests.studio.conftest import HEART, make_run

RUN = "2026-11-29/120000-a-red-heart"


@pytest.fixture
def library(tmp_path) -> Library:
    make_run(tmp_path, count=3)
    make_run(tmp_path, "2026-11-30/090000-a-sun", prompt="a golden sun")
    return Library(tmp_path)


def test_every_finished_picture_is_found_the_newest_first(library, tmp_path):
    os.utime(tmp_path / RUN / "image_0001.png", (2e9, 2e9))
    found = library.search()
    assert len(found) == 4 and found[0].id == picture_id(RUN, 1)
    assert library.search(sort="old")[-1].id == picture_id(RUN, 1)
    assert [one.number for one in library.search("heart", sort="score")] == [0, 1, 2]


@pytest.mark.parametrize(
    ("search", "names", "count"),
    [
        ("sun", {}, 1),
        ("SUN golden", {}, 1),
        ("sun heart", {}, 0),
        ("hokusai", {}, 4),
        ("", {"artist": "hokusai"}, 4),
        ("", {"artist": "turner"}, 0),
        ("", {"model": "embedded"}, 4),
    ],
)
def test_searching(library, search, names, count):
    assert len(library.search(search, names)) == count


def test_a_new_picture_is_seen_and_others_are_not_read_again(library, tmp_path, monkeypatch):
    library.search()
    before = library.runs[RUN]
    make_run(tmp_path, "2026-12-01/090000-new")
    library.refresh(now=True)
    assert len(library.items) == 5 and library.runs[RUN] is before


def test_favourites_are_kept(library, tmp_path):
    item = library.search()[0]
    (tmp_path / ".studio").mkdir()
    library.mark(item, True)
    assert [one.id for one in Library(tmp_path).search(favourite=True)] == [item.id]
    library.mark(item, False)
    assert library.search(favourite=True) == []


@pytest.mark.parametrize("text", ["", "{}", "5", "null", "[1]", "[" * 100_000, "\\0"])
def test_damaged_favourites_are_as_if_there_were_none(library, tmp_path, text):
    (tmp_path / ".studio").mkdir()
    (tmp_path / ".studio" / "favourites.json").write_text(text)
    assert library.search(favourite=True) == []
    item = library.search()[0]
    library.mark(item, True)
    assert library.search(favourite=True) == [item]


def test_trash_and_undo_leave_the_very_file(library, tmp_path):
    item = library.find(picture_id(RUN, 1))
    data = library.path(item).read_bytes()
    library.trash(item)
    assert not (tmp_path / RUN / "image_0001.png").exists()
    assert len(library.search()) == 3
    (thrown,) = Library(tmp_path).search(trash=True)
    assert thrown.id == item.id and library.path(thrown).read_bytes() == data
    library.restore(library.find(item.id))
    assert (tmp_path / RUN / "image_0001.png").read_bytes() == data
    assert len(library.search()) == 4 and list(trash_folder(tmp_path).iterdir()) == []


def test_what_has_lost_its_place_stays_in_the_trash(library, tmp_path):
    item = library.find(picture_id(RUN, 1))
    library.trash(item)
    (tmp_path / RUN / "image_0001.png").write_bytes(b"another")
    with pytest.raises(BadInput, match="in its place"):
        library.restore(library.find(item.id))
    assert (tmp_path / RUN / "image_0001.png").read_bytes() == b"another"


def rewritten(root: Path, change: dict[str, object], run: str = RUN) -> Path:
    """The trash folder of a picture whose note somebody else has written, with an id that fits."""
    library = Library(root)
    item = library.find(picture_id(RUN, 1))
    library.trash(item)
    place = trash_folder(root) / item.id
    note = json.loads((place / "origin.json").read_text()) | {"run": run} | change
    forged = place.with_name(picture_id(run, 1))
    place.rename(forged)
    (forged / "origin.json").write_text(json.dumps(note | {"id": forged.name}))
    return forged


@pytest.mark.parametrize(
    "run",
    [
        "../outside",
        "2026-11-29/../../outside",
        "/tmp",
        "..",
        "",
        ".",
        "a\\..\\b",
        "C:x",
        ".studio",
    ],
)
def test_a_note_with_an_id_that_fits_leads_to_no_other_folder(tmp_path, run):
    root, outside = tmp_path / "runs", tmp_path / "outside"
    make_run(root, count=3)
    outside.mkdir()
    place = rewritten(root, {}, run)
    library = Library(root)
    assert library.search(trash=True) == []
    with pytest.raises(KeyError):
        library.find(place.name)
    assert list(outside.iterdir()) == [] and (place / "image_0001.png").is_file()


@pytest.mark.parametrize(
    "change",
    [
        *({"file": name} for name in ("../../x", "origin.json", "image_0002.png", "image_1.png")),
        *({"file": wrong} for wrong in (None, 1, ["image_0001.png"])),
        *({"number": wrong} for wrong in (5, -1, 1.0, True, "1", None)),
        *({"time": wrong} for wrong in (float("nan"), float("inf"), "1", None, True, 10**400)),
        *(
            {"names": wrong}
            for wrong in (None, [], {"artist": "x"}, {"artist": [1]}, {"look": {}})
        ),
        *({"film": wrong} for wrong in ("x.mp4", "video_0002.mp4", "../video_0001.mp4", 0, "")),
        *({name: 5} for name in ("run", "prompt", "unwanted", "made", "place")),
        *({name: "x"} for name in ("seed", "score", "seconds", "place")),
        {"score": float("nan")},
        {"place": "../.."},
    ],
)
def test_a_note_with_a_wrong_field_is_ignored(library, tmp_path, change):
    place = rewritten(tmp_path, change)
    assert Library(tmp_path).search(trash=True) == []
    assert (place / "image_0001.png").is_file()


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", '{"id": 1}', "\0", "9" * 5000])
def test_a_damaged_note_is_ignored(library, tmp_path, text):
    (rewritten(tmp_path, {}) / "origin.json").write_text(text)
    assert len(Library(tmp_path).search()) == 3 and Library(tmp_path).search(trash=True) == []


def test_a_note_that_changes_after_it_was_read_is_read_again(library, tmp_path):
    item = library.find(picture_id(RUN, 1))
    library.trash(item)
    thrown = library.find(item.id)
    note = trash_folder(tmp_path) / item.id / "origin.json"
    note.write_text(json.dumps(json.loads(note.read_text()) | {"place": "../.."}))
    with pytest.raises(KeyError):
        library.restore(thrown)
    assert (note.parent / "image_0001.png").is_file()


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
@pytest.mark.parametrize("link", ["day", "run", "others", "place", "trash", "picture"])
def test_no_picture_is_restored_over_a_link(tmp_path, link):
    root, outside = tmp_path / "runs", tmp_path / "outside"
    make_run(root, count=3)
    place = rewritten(root, {"place": "others"})
    (root / RUN / "others").mkdir()
    library = Library(root)
    (thrown,) = library.search(trash=True)
    linked = {
        "day": (root / RUN).parent,
        "run": root / RUN,
        "others": root / RUN / "others",
        "place": place,
        "trash": place.parent,
        "picture": place / "image_0001.png",
    }[link]
    linked.rename(outside)
    linked.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    with pytest.raises(KeyError):
        library.restore(thrown)
    assert sorted(outside.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_no_picture_is_thrown_over_a_link(library, tmp_path):
    (tmp_path / "outside").mkdir()
    trash_folder(tmp_path).parent.mkdir()
    trash_folder(tmp_path).symlink_to(tmp_path / "outside")
    with pytest.raises(BadInput, match="is a link"):
        library.trash(library.find(picture_id(RUN, 1)))
    assert (tmp_path / RUN / "image_0001.png").is_file()


def test_a_thumbnail_is_made_once_and_is_small(library, tmp_path):
    item = library.find(picture_id(RUN, 0))
    path = library.thumb(item)
    stamp = path.stat().st_mtime_ns
    assert library.thumb(item) == path and path.stat().st_mtime_ns == stamp
    assert path.is_relative_to(tmp_path / ".studio") and max(size_of(path)) <= 320


def test_a_damaged_picture_has_no_thumbnail_and_no_size(library, tmp_path):
    (tmp_path / RUN / "image_0000.png").write_bytes(b"no picture")
    item = library.find(picture_id(RUN, 0))
    with pytest.raises(KeyError):
        library.thumb(item)
    assert library.size(item) == (0, 0)


@pytest.mark.skipif(os.name == "nt", reason="links need privileges")
def test_links_are_left_out(tmp_path):
    outside = tmp_path / "outside"
    make_run(outside)
    root = tmp_path / "runs"
    root.mkdir()
    (root / "2026-11-29").symlink_to(outside / "2026-11-29")
    assert Library(root).search() == []


def test_size_of_a_file_is_that_of_the_picture():
    from PIL import Image

    assert size_of(HEART) == Image.open(HEART).size


def test_the_studios_own_folders_are_no_runs(library, tmp_path):
    make_run(tmp_path / ".studio" / "trash", "x")
    assert len(Library(tmp_path).search()) == 4


def test_sizes_are_read_once_and_again_where_a_file_has_changed(tmp_path, monkeypatch):
    folder = make_run(tmp_path)
    found = Library(tmp_path)
    found.measure()
    (item,) = found.search()
    with Image.open(folder / "image_0000.png") as image:
        size = image.size
    monkeypatch.setattr("guided.studio.library.size_of", None)  # it is not called
    (folder / "others").mkdir()
    found.refresh(now=True)
    assert found.search()[0] is not item and found.size(found.search()[0]) == size
    monkeypatch.undo()
    Image.new("RGB", (8, 6)).save(folder / "image_0000.png")
    os.utime(folder / "image_0000.png", (2e9, 2e9))
    (folder / "others").rmdir()
    found.refresh(now=True)
    assert found.size(found.search()[0]) == (8, 6)
