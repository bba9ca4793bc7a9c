"""Paths that no file can have are told by the setting's name."""

import pytest

from guided.cli.main import do
from guided.errors import BadInput
from guided.untrusted.typed_paths import expand, similar


@pytest.mark.parametrize(
    "path", ["~nosuchuser/x", "a" * 300, "b/" + "猫" * 100, "a\0b", "a/" * 3000]
)
def test_an_impossible_path_names_its_setting(path):
    with pytest.raises(BadInput, match=r"^init=") as caught:
        expand("init", path)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("path", ["", " ", "\t"])
def test_an_empty_path_is_no_folder_of_the_users(path):
    with pytest.raises(BadInput, match=r"^cache=.* is empty: give a path$"):
        expand("cache", path)


def test_a_home_folder_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert expand("init", "~/x") == tmp_path / "x"
    assert str(expand("init", "a/b")) == "a/b"


def test_the_most_similar_name_in_the_folder_is_told(tmp_path):
    for name in ("photo.jpg", "rows.csv", "tune"):
        (tmp_path / name).touch()
    assert similar(tmp_path / "foto.jpg") == ", did you mean 'photo.jpg'?"
    assert similar(tmp_path / "row.csv") == ", did you mean 'rows.csv'?"
    for path in ("none", "photo.jpg", "no/such/photo.jpg"):
        assert similar(tmp_path / path) == ""


SLIPS = [
    (["prompts=row.csv"], "rows.csv"),
    (["prompts=lits.yaml"], "list.yaml"),
    (["prompt=x", "init=foto.png"], "photo.png"),
    (["prompt=x", "image_prompt=foto.png"], "photo.png"),
    (["prompt=x", "model=./nets.pt"], "net.pt"),
    (["prompt=x", "clip=./nets.pt"], "net.pt"),
    (["prompt=x", "wildcards=word"], "words"),
    (["from=foto.png"], "photo.png"),
    (["import=setings.txt"], "settings.txt"),
    (["resume=outptus"], "outputs"),
    (["gallery=outptus"], "outputs"),
]


@pytest.mark.parametrize(("words", "near"), SLIPS)
def test_every_setting_of_a_file_names_the_nearest_one(tmp_path, monkeypatch, words, near):
    monkeypatch.chdir(tmp_path)
    for name in ("rows.csv", "list.yaml", "photo.png", "net.pt", "settings.txt"):
        (tmp_path / name).touch()
    for name in ("words", "outputs"):
        (tmp_path / name).mkdir()
    with pytest.raises(BadInput, match=f"did you mean '{near}'"):
        do([*words, "show=true"] if words[0].startswith("prompt") else words, [])
