"""NAME=list prints the choices of every group, and draws nothing."""

import pytest

from guided.cli import lists
from guided.cli.main import do
from guided.config import choices
from guided.config.command_line import Command
from guided.config.overrides import parse_all
from guided.paths import EMBEDDED, conf_folder
from guided.prompts.lexicon import load
from guided.text import HAN

GROUPS = sorted(path.name for path in conf_folder().iterdir() if path.is_dir())
GROUPS = [name for name in GROUPS if name != "local"]


@pytest.mark.parametrize("group", GROUPS)
def test_every_choice_of_every_group_is_listed(group, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert do([f"{group}=list", "prompt=x"], []) is None
    printed = capsys.readouterr().out
    words = set(printed.replace("=", " ").split())
    assert set(choices.names(group)) <= words
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["list", "[list]", "LIST", "'list'", " list "])
def test_a_list_is_asked_for_however_it_is_written(text):
    assert lists.asked(Command(parse_all(["prompt=x", f"sampler={text}"]), [])) == "sampler"


@pytest.mark.parametrize(
    "word", ["prompt=list", "sampler=ddim", "name=list", "folder=list", "list"]
)
def test_other_settings_are_no_lists(word):
    assert lists.asked(Command(parse_all([word]), [])) is None


def test_presets_of_ones_own_are_listed_and_one_named_list_is_chosen(tmp_path, capsys):
    for name in ("sampler/mine", "shade/list"):
        path = tmp_path / f"{name}.yaml"
        path.parent.mkdir()
        path.write_text("# My own\neta: 1\n", encoding="utf-8")
    flags = ["--config-dir", str(tmp_path)]
    do(["sampler=list"], flags)
    assert "sampler=mine       My own" in capsys.readouterr().out.splitlines()
    assert lists.asked(Command(parse_all(["shade=list"]), flags)) is None


def test_all_words_of_the_embedded_pair_are_listed_by_theme_and_mean_themselves(capsys):
    do(["words=list"], [])
    lines = capsys.readouterr().out.splitlines()
    known = (EMBEDDED / "words.txt").read_text(encoding="utf-8").splitlines()
    listed = [item for line in lines[:-1] for item in line.split(": ", 1)[1].split(", ")]
    lexicon = load(EMBEDDED / "lexicon.tsv")
    meant = []
    for item in listed:
        english, _, chinese = item.rpartition(" ") if HAN.search(item) else (item, "", "")
        meant.append(lexicon.read(english).known)
        assert not chinese or lexicon.read(chinese).known == meant[-1], item
    assert sorted(meant) == sorted(known)
    assert "sun 太阳" in listed and "cat 猫" in listed
    assert str(len(known)) in lines[-1]


def test_palettes_are_those_that_looks_set(capsys):
    do(["palette=list"], [])
    lines = capsys.readouterr().out.splitlines()
    [sepia] = [line for line in lines if line.startswith("look=sepia ")]
    assert sepia.split()[1:] == ["#2b1a0e", "#a07850", "#f3e6cf"]
    assert "guide.palette.colours" in lines[-1]
