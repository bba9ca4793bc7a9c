"""A batch's folder, of today, of yesterday and of tomorrow."""

import json

import pytest

from guided.gallery import reading
from guided.gallery.axes import axes
from tests.gallery.batches import entry, manifest, paint, save, sweep


def test_a_manifest_says_what_there_is_and_what_is_to_come(tmp_path):
    sweep(tmp_path)
    batch = reading.read(tmp_path)
    assert batch.title == "a lighthouse"
    assert [p.number for p in batch.pictures] == list(range(12))
    assert [p.state for p in batch.pictures] == ["done"] * 10 + ["failed", "queued"]
    assert batch.pictures[10].why == "out of memory: try size=64"
    assert batch.pictures[3].names["artist"] == ["hokusai"]
    assert batch.pictures[3].row["guide.clip.scale"] == "2000"
    assert batch.pictures[0].file == "image_0000.png"
    assert batch.pictures[11].file is None


def test_a_rows_own_settings_count_more_than_its_words(tmp_path):
    rows = [{"words": ["artist=hokusai"], "settings": {"artist": ["turner", "monet"]}}]
    manifest(tmp_path, [entry(0)], rows)
    [picture] = reading.read(tmp_path).pictures
    assert picture.names["artist"] == ["turner", "monet"]


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("hokusai", ["hokusai"]),
        ("[hokusai,turner]", ["hokusai", "turner"]),
        ("[hokusai:0.5, 'turner:2']", ["hokusai", "turner"]),
        (["hokusai:-0.5", "turner"], ["hokusai", "turner"]),
        ({"hokusai": 0.5, "turner": 1}, ["hokusai", "turner"]),
        ("[水墨]", ["水墨"]),
        ("null", []),
        (None, []),
    ],
)
def test_names_in_every_form(value, names):
    assert reading.names_in(value) == names


def test_pictures_without_a_manifest_speak_for_themselves(tmp_path):
    save(tmp_path, 0)
    save(tmp_path, 2, drawn="a red lighthouse", score=0.25)
    save(tmp_path / "others", 1)
    (tmp_path / "sheet.png").write_bytes(b"not a picture of the run")
    pictures = reading.read(tmp_path).pictures
    assert [(p.number, p.seed) for p in pictures] == [(0, 7), (1, 8), (2, 9)]
    assert pictures[1].file == "others/image_0001.png"
    assert (pictures[2].prompt, pictures[2].score) == ("a red lighthouse", 0.25)
    assert pictures[0].names["model"] == ["embedded"]


def test_what_was_typed_tells_the_artist_of_an_old_picture(tmp_path):
    save(tmp_path, 0, words=["prompt=a lighthouse", "artist=[hokusai,turner:0.5]", "look=fine"])
    [picture] = reading.read(tmp_path).pictures
    assert picture.names["artist"] == ["hokusai", "turner"]
    assert picture.names["look"] == ["fine"]


def test_one_preset_has_one_name_however_it_was_typed(tmp_path):
    typed = ["hokusai", "[Katsushika Hokusai]", "葛饰北斋"]
    rows = [
        {"words": [f"artist={name}"], "settings": {"artist": name}, "presets": {"artist": found}}
        for name, found in zip([*typed, "turner"], [["hokusai"]] * 3 + [["turner"]], strict=True)
    ]
    manifest(tmp_path, [entry(k, row=k) for k in range(4)], rows)
    pictures = reading.read(tmp_path).pictures
    assert [p.names["artist"] for p in pictures] == [["hokusai"]] * 3 + [["turner"]]
    assert axes(pictures) == {"artist": ["hokusai", "turner"]}


def test_a_preset_of_the_whole_batch_has_one_name_too(tmp_path):
    rows = [{"words": ["seed=1"], "settings": {"seed": 1}, "presets": {"look": ["ink_wash"]}}]
    base = {"words": ["prompt=a fox", "look=水墨"], "settings": None}
    manifest(tmp_path, [entry(0)], rows, base=base)
    [picture] = reading.read(tmp_path).pictures
    assert picture.names["look"] == ["ink_wash"]
    assert picture.row == {"seed": "1"}


@pytest.mark.parametrize("odd", [3, [], {"artist": 3}, {"artist": [3]}, {"artist": {"a": "b"}}])
def test_odd_names_of_presets_from_elsewhere_are_left_out(tmp_path, odd):
    rows = [{"words": ["artist=hokusai"], "presets": odd}]
    manifest(tmp_path, [entry(0)], rows)
    assert reading.read(tmp_path).pictures[0].names["artist"] == ["hokusai"]


def test_prompts_of_negative_weight_are_not_among_the_wanted(tmp_path):
    save(tmp_path, 0, prompt=["a fox", "fog:-1", {"text": "rain", "weight": -0.5}])
    save(tmp_path, 1, prompt="a __animal__", drawn=["a fox", "fog"], negative="__weather__")
    found = [(p.prompt, p.unwanted) for p in reading.read(tmp_path).pictures]
    assert found == [("a fox", "fog; rain"), ("a fox", "fog")]


def test_pictures_that_say_nothing_are_there_all_the_same(tmp_path):
    paint(1).save(tmp_path / "image_0000.png")
    (tmp_path / "image_0001.png").write_bytes(b"broken")
    assert [p.state for p in reading.read(tmp_path).pictures] == ["done", "done"]


@pytest.mark.parametrize(
    "odd",
    [
        {"number": "3"},
        {"number": -1},
        {"number": True},
        {"number": 10**400},
        {"seed": "seven", "score": "high", "seconds": [1]},
        {"score": float("nan"), "seconds": float("inf")},
        {"row": 99},
        {"row": "0"},
        {"state": "dreaming"},
        {"prompt": ["a", {"text": "b", "weight": 2}], "why": {"a": 1}, "model": {"name": "x"}},
        {"file": 5},
        {"unheard": "of"},
    ],
)
def test_a_manifest_from_elsewhere_breaks_nothing(tmp_path, odd):
    manifest(tmp_path, [entry(0), {**entry(1), **odd}, "not a picture", None])
    found = {p.number: p for p in reading.read(tmp_path).pictures}
    assert found[0].state == "done"
    json.dumps([vars(p) for p in found.values()], allow_nan=False)


@pytest.mark.parametrize("broken", ["", "[]", "{", "null", "3"])
def test_a_manifest_that_is_none_is_told(tmp_path, broken):
    (tmp_path / "manifest.json").write_text(broken)
    with pytest.raises(ValueError):
        reading.read(tmp_path)


@pytest.mark.parametrize(
    "file",
    [
        "../image_0000.png",
        "/etc/image_0000.png",
        "a/../../image_0000.png",
        "https://elsewhere.org/image_0000.png",
        "javascript:image_0000.png",
        "..\\image_0000.png",
        "image_0000.png\0.html",
        "run.yaml",
        "",
    ],
)
def test_a_file_outside_the_folder_is_no_picture(tmp_path, file):
    folder = tmp_path / "batch"
    save(tmp_path, 0)
    manifest(folder, [entry(0, file=file)])
    assert reading.read(folder).pictures[0].file is None


def test_a_link_that_leaves_the_folder_is_not_followed(tmp_path):
    save(tmp_path, 0)
    folder = tmp_path / "batch"
    manifest(folder, [entry(0)])
    (folder / "image_0000.png").symlink_to(tmp_path / "image_0000.png")
    assert reading.read(folder).pictures[0].file is None


def test_a_picture_put_aside_is_found_among_the_others(tmp_path):
    manifest(tmp_path, [entry(0)])
    save(tmp_path / "others", 0)
    assert reading.read(tmp_path).pictures[0].file == "others/image_0000.png"


def test_the_prompts_of_regions_are_among_those_of_the_picture():
    assert reading.prompts_of({"prompt": "a cat | a tree:2", "layout": "row"}) == (
        "a cat; a tree",
        "",
    )
    given = [{"box": [0, 0, 0.5, 1], "prompt": "a sun"}, {"mask": "m.png", "prompt": "fog:-1"}]
    assert reading.prompts_of({"prompt": "a sea", "regions": given}) == ("a sea; a sun", "fog")


def test_the_frames_of_a_film_are_one_entry(tmp_path):
    frames = [entry(k, group=0, frame=k, seconds=2.0) for k in range(3)]
    manifest(tmp_path, [*frames, entry(3, group=3)])
    film, other = reading.read(tmp_path).pictures
    assert (film.number, film.state, film.seconds) == (0, "done", 6.0)
    assert other.number == 3
    frames[2] |= {"state": "failed", "why": "no memory"}
    manifest(tmp_path, frames)
    [film] = reading.read(tmp_path).pictures
    assert (film.state, film.why) == ("failed", "no memory")
    frames[2] |= {"state": "queued"}  # and nobody draws it
    manifest(tmp_path, frames)
    assert reading.read(tmp_path).pictures[0].state == "queued"
