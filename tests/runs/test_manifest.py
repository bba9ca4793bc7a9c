"""manifest.json: strictly read to go on with, leniently to be shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.errors import BadInput
from guided.runs.manifest import Manifest, Picture, Row

ODD = (None, True, -1, 10**400, 1.5, float("nan"), "x", "../x", [], [1], {}, {"a": None})
FIELDS = (
    *("number", "row", "seed", "prompt", "state", "file", "score", "seconds", "why", "worker"),
    *("model", "group"),
)


def example() -> Manifest:
    rows = [Row(["prompt=a"], {"prompt": "a"}, "p.txt:1"), Row(["seed=5"], {"seed": 5})]
    pictures = [
        Picture(0, 0, 7, "a", "done", "image_0000.png", 0.25, 1.5, model="m"),
        Picture(1, 1, 5, "a", "failed", why="out of memory", model="m", group=1),
    ]
    base = {"words": ["prompt=a"], "flags": [], "settings": None}
    return Manifest("a", base, rows, pictures)


def test_both_readers_give_back_what_was_written(tmp_path):
    manifest = example()
    manifest.write(tmp_path)
    assert Manifest.read(tmp_path) == manifest
    shown = Manifest.read_leniently(tmp_path)
    assert (shown.title, shown.base, shown.made) == (manifest.title, manifest.base, manifest.made)
    assert (shown.rows, shown.pictures) == (manifest.rows, manifest.pictures)


@given(st.sampled_from(FIELDS), st.sampled_from(ODD))
def test_a_wrong_value_costs_at_most_its_own_picture(tmp_path_factory, name, value):
    """Whatever one picture has, the other is read as it is, and everything can be shown."""
    folder = tmp_path_factory.mktemp("batch")
    example().write(folder)
    content = json.loads((folder / "manifest.json").read_text())
    content["pictures"][1][name] = value
    (folder / "manifest.json").write_text(json.dumps(content))
    manifest = Manifest.read_leniently(folder)
    if (name, value) != ("number", True):
        assert example().pictures[0] in manifest.pictures
    json.dumps([vars(picture) for picture in manifest.pictures], allow_nan=False)
    assert all(p.file is None or p.file in p.possible_files() for p in manifest.pictures)


@pytest.mark.parametrize("broken", ["", "[]", "null", "3", "{"])
def test_a_file_that_is_no_mapping_is_refused_by_both(tmp_path, broken):
    (tmp_path / "manifest.json").write_text(broken)
    for read in (Manifest.read, Manifest.read_leniently):
        with pytest.raises(BadInput, match=r"manifest\.json cannot be read"):
            read(tmp_path)


def test_a_row_that_cannot_be_read_stays_in_its_place(tmp_path):
    example().write(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())
    content["rows"][0] = "no row"
    (tmp_path / "manifest.json").write_text(json.dumps(content))
    manifest = Manifest.read_leniently(tmp_path)
    assert manifest.rows[0] == Row()
    assert manifest.rows[manifest.pictures[1].row].settings == {"seed": 5}
    with pytest.raises(BadInput):
        Manifest.read(tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"pictures": 0.5}, "its pictures are no list of mappings"),
        ({"rows": [3]}, "its rows are no list of mappings"),
        ({"rows": None}, "its rows are no list of mappings"),
        ({"pictures": [{"number": 0, "row": 0}]}, "picture 0 has seed None"),
        ({"base": [1]}, "its base is no mapping"),
        ({"base": "words"}, "its base is no mapping"),
        ({"title": 3}, "its title is no text"),
    ],
)
def test_a_manifest_is_refused_in_words_of_its_own(tmp_path, change, reason):
    example().write(tmp_path)
    content = json.loads((tmp_path / "manifest.json").read_text())
    (tmp_path / "manifest.json").write_text(json.dumps(content | change))
    with pytest.raises(BadInput, match=rf"manifest\.json cannot be read: {reason}$"):
        Manifest.read(tmp_path)


def test_a_manifest_that_is_no_text_is_refused_by_its_line(tmp_path):
    (tmp_path / "manifest.json").write_bytes(b'{\n"title": "\xff"}')
    with pytest.raises(BadInput, match="cannot be read: line 2 is not UTF-8"):
        Manifest.read(tmp_path)
