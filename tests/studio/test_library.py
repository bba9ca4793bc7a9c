"""Every picture: found, searched, marked, thrown away and taken back."""

import json
import os

import pytest

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


@pytest.mark.parametrize(
    "change",
    [{"run": "../outside"}, {"file": "../../x"}, {"number": 5}, {"id": "other"}, {"names": None}],
)
def test_notes_that_somebody_else_wrote_lead_nowhere(library, tmp_path, change):
    item = library.find(picture_id(RUN, 1))
    library.trash(item)
    place = trash_folder(tmp_path) / item.id
    note = json.loads((place / "origin.json").read_text()) | change
    (place / "origin.json").write_text(json.dumps(note))
    found = Library(tmp_path).search(trash=True)
    assert all(one.run == RUN and one.file == "image_0001.png" for one in found)


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
