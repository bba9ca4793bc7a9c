"""Records are found in pictures, films, run.yaml and folders of runs, and trusted in nothing."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guided.config import schema
from guided.config.composition import compose
from guided.config.overrides import parse_all, raws
from guided.config.replay import Record, plain
from guided.config.replay_reading import read_settings, rows_of, trusted
from guided.errors import BadInput
from guided.runs import record
from guided.runs.manifest import Manifest, Row

V01 = Path(__file__).parents[1] / "fixtures" / "v0.1"


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film.webp"])
def test_a_film_has_the_settings_of_its_picture(name):
    """But those of the film itself."""
    film, picture = (read_settings(V01 / one, "from=x") for one in (name, "film.png"))
    for setting in ("prompt", "seed", "steps", "size", "model", "guide", "clip"):
        assert film[setting] == picture[setting]


def test_a_folder_has_the_settings_of_its_run():
    assert read_settings(V01 / "run", "from=x") == read_settings(V01 / "run/run.yaml", "from=x")


def test_settings_of_a_picture_prompt_alone_are_settings(tmp_path):
    (tmp_path / "run.yaml").write_text("image_prompt: heart.png\n")
    assert read_settings(tmp_path, "from=x") == {"image_prompt": "heart.png"}


def test_a_folder_of_runs_names_the_last_one(tmp_path):
    for name in ("2026-11-21/100000-old", "2026-11-22/142233-new"):
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "run.yaml").write_text("prompt: x\n")
    with pytest.raises(BadInput, match=f"from={tmp_path}/2026-11-22/142233-new$"):
        read_settings(tmp_path, "from=x")


def test_a_slip_in_a_name_is_told_the_nearest_file(tmp_path):
    (tmp_path / "image_0000.png").touch()
    with pytest.raises(BadInput, match=r"no such file, did you mean 'image_0000\.png'"):
        read_settings(tmp_path / "imgae_0000.png", "from=x")


# ---- rows ----------------------------------------------------------------------------------


def test_one_row_is_no_list_of_rows(tmp_path):
    for count in (1, 3):
        rows = [Row([f"seed={k}"]) for k in range(count)]
        Manifest("x", {"words": [], "settings": None}, rows, []).write(tmp_path)
        found = rows_of(tmp_path)
        assert [row.words for row in found] == [row.words for row in rows if count > 1]
        assert rows_of(tmp_path / "run.yaml") == found
    assert rows_of(tmp_path / "image_0000.png") == []


def test_rows_keep_their_place_and_lose_what_is_not_of_a_picture(tmp_path):
    words = ["prompt=a ${b}", "folder=/etc", "hydra.run.dir=/x", "steps=3"]
    rows = [Row(words, where="p.csv:2"), Row(["prompt=b"], where="p.csv:3")]
    Manifest("x", {"words": [], "settings": None}, rows, []).write(tmp_path)
    first, second = rows_of(tmp_path)
    assert (first.where, second.where) == ("p.csv:2", "p.csv:3")
    assert first.words == ["prompt=a ${b}", "steps=3"]


# ---- words ---------------------------------------------------------------------------------

NAMES = st.sampled_from([*schema.settings(), "hydra.run.dir", "guide.clip.scale", "sampler.eta"])
WORDS = st.builds("{}={}".format, NAMES, st.sampled_from(["1", "x", "${oc.env:HOME}", "${seed}"]))


@given(st.lists(WORDS | st.integers() | st.none(), max_size=6))
def test_words_that_are_trusted_are_of_the_picture_and_keep_their_order(words):
    found = raws(trusted(words))
    allowed = raws(parse_all([word for word in words if isinstance(word, str)]))
    positions = iter(allowed)
    assert all(word in positions for word in found)  # a subsequence, each as it was
    for word in found:
        name, _, value = word.partition("=")
        root = name.partition(".")[0]
        assert root not in schema.unrecorded() and root != "hydra"
        assert "${" not in value or schema.settings()[root].prose


def test_a_runs_folder_and_its_yaml_are_the_whole_run(tmp_path, usual):
    (tmp_path / "run.yaml").write_text(record.as_yaml(usual | {"count": 5}), encoding="utf-8")
    for path in (tmp_path, tmp_path / "run.yaml"):
        assert Record.read(str(path)).config().count == 5


def test_words_in_a_record_look_nothing_up():
    sly = ["prompt=a ${b}", "sampler.eta=${oc.env:HOME}", "folder=/etc", "hydra.searchpath=[/x]"]
    sly += ["+hydra/launcher=x", "resume=/x", 5, ["steps=1"], "steps=3", "~guide.range"]
    assert raws(trusted(sly)) == ["prompt=a ${b}", "steps=3", "~guide.range"]
    assert trusted("steps=3") == []
    (word,) = trusted(["prompt=['a','${oc.env:HOME}']"])
    assert plain(compose([word]))["prompt"] == ["a", r"${oc.env:HOME}"]


def test_pictures_without_settings_name_the_run_that_has_them(tmp_path, usual):
    (tmp_path / "steps").mkdir()
    (tmp_path / "run.yaml").write_text(record.as_yaml(usual), encoding="utf-8")
    for name in ("sheet.png", "steps/0000_0003.png"):
        record.save_png(Image.new("RGB", (4, 4)), tmp_path / name)
        with pytest.raises(BadInput, match=f"{Path(name).name}.*from={tmp_path}$"):
            Record.read(str(tmp_path / name))


@pytest.mark.parametrize(
    ("name", "data", "part"),
    [
        ("gone.png", None, "no such file"),
        ("photo.jpg", "jpeg", "no settings of this program"),
        ("notes.txt", b"hello", "no PNG, WebP, AVIF, JPEG"),
        ("run.yaml", b"a: [", "cannot be read"),
        ("run.yaml", b"a: 1", "no settings"),
        ("run.yaml", b"\xff\xfe\x00", "not UTF-8"),
        ("empty", "folder", "without run.yaml"),
    ],
)
def test_what_has_no_settings_is_told_in_one_line(tmp_path, name, data, part):
    path = tmp_path / name
    if data == "jpeg":
        Image.new("RGB", (4, 4)).save(path)
    elif data == "folder":
        path.mkdir()
    elif data is not None:
        path.write_bytes(data)
    with pytest.raises(BadInput, match=part) as caught:
        Record.read(str(path))
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
