"""The file that a wrong value was read from."""

from pathlib import Path

import pytest

from guided.config import origins
from guided.config.overrides import parse_all

GLOBAL = "# @package _global_\n"


def put(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def found(folder: Path, line: str, *words: str) -> str | None:
    path = origins.find(line, parse_all(words), ["--config-dir", str(folder)])
    return None if path is None else str(path.relative_to(folder))


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("sampler.eta=7 must be a number", "sampler.eta"),
        ("'stpes' is not a setting, did you mean 'steps'?", "stpes"),
        ("look=dusk: steps=[] must be a whole number", "steps"),
        ("sampler.eta=7 must be from 0 to 1; it is what model.recommended.eta says",
         "model.recommended.eta"),
        ("~guide.clip: it is not chosen", "guide.clip"),
        ("10 pictures failed", ""),
    ],
)  # fmt: skip
def test_a_message_begins_with_the_name_of_a_setting(line, name):
    assert origins.name_in(line) == name


def test_the_file_is_the_one_that_has_the_setting(tmp_path):
    put(tmp_path, "sampler/slow.yaml", "_target_: sampler/ddim\neta: 7\n")
    put(tmp_path, "look/dusk.yaml", f"{GLOBAL}steps: 0\nguide:\n  clip:\n    scale: a\n")
    words = ["prompt=a", "sampler=slow", "look=[dusk]"]
    assert found(tmp_path, "sampler.eta=7 must be", *words) == "sampler/slow.yaml"
    assert found(tmp_path, "sampler is no choice of sampler=", *words) == "sampler/slow.yaml"
    assert found(tmp_path, "steps=0 must be", *words) == "look/dusk.yaml"
    assert found(tmp_path, "guide.clip.scale=a must be", *words) == "look/dusk.yaml"
    assert found(tmp_path, "guide.range.scale=a must be", *words) is None
    assert found(tmp_path, "seed=a must be", *words) is None
    assert found(tmp_path, "steps=0 must be", "prompt=a", "sampler=slow") is None


def test_what_is_typed_is_in_no_file(tmp_path):
    put(tmp_path, "sampler/slow.yaml", "_target_: sampler/ddim\neta: 0.5\n")
    put(tmp_path, "look/dusk.yaml", f"{GLOBAL}sampler:\n  eta: 0.3\n")
    words = ["sampler=slow", "look=dusk"]
    assert found(tmp_path, "sampler.eta=9 must be", *words, "sampler.eta=9") is None
    assert found(tmp_path, "sampler=slow is not one of", *words) is None


def test_of_several_files_the_one_that_says_the_value_is_meant_or_else_the_last(tmp_path):
    put(tmp_path, "sampler/slow.yaml", "_target_: sampler/ddim\neta: 7\n")
    put(tmp_path, "look/dusk.yaml", f"{GLOBAL}sampler:\n  eta: 0.3\n")
    words = ["sampler=slow", "look=dusk"]
    assert found(tmp_path, "sampler.eta=7 must be", *words) == "sampler/slow.yaml"
    assert found(tmp_path, "sampler.eta=8 must be", *words) == "look/dusk.yaml"


def test_a_file_that_another_file_chooses_is_found(tmp_path):
    put(tmp_path, "sampler/slow.yaml", "_target_: sampler/ddim\neta: 7\n")
    text = f"{GLOBAL}defaults:\n  - override /sampler: slow\n  - optional /look: [dawn]\n"
    put(tmp_path, "look/dusk.yaml", text)
    put(tmp_path, "look/dawn.yaml", f"{GLOBAL}defaults:\n  - dusk\nsteps: -1\n")
    assert found(tmp_path, "sampler.eta=7 must be", "look=dusk") == "sampler/slow.yaml"
    assert found(tmp_path, "steps=-1 must be", "look=dusk") == "look/dawn.yaml"
    assert found(tmp_path, "sampler=slow is not one of", "look=dusk") == "look/dusk.yaml"


def test_a_preset_is_found_by_its_name_in_another_script(tmp_path):
    says = "  dusk:\n    _target_: look\n    name: {en: dusk, zh: 黄昏}\n    words: {en: a}\n"
    put(tmp_path, "look/dusk.yaml", f"{GLOBAL}look:\n{says}steps: 0\n")
    assert found(tmp_path, "steps=0 must be", "look=[黄昏:2]") == "look/dusk.yaml"


def test_a_card_is_found_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    put(tmp_path, "card.yaml", "_target_: model/card\nrecommended: {eta: 7}\n")
    line = "sampler.eta=7 must be a number from 0 to 1; it is what model.recommended.eta says"
    assert origins.find(line, parse_all(["model=./card.yaml"]), []) == Path("card.yaml")


def test_a_file_that_cannot_be_read_is_left_out(tmp_path):
    put(tmp_path, "look/dusk.yaml", "a: [")
    put(tmp_path, "look/dawn.yaml", "")
    assert found(tmp_path, "steps=0 must be", "look=[dusk,dawn,nosuch]", "seed=\0") is None


def test_a_choice_without_a_kind_or_of_odd_keys_is_found_beside_what_is_typed(tmp_path):
    put(tmp_path, "animate/still.yaml", f"{GLOBAL}")
    words = ["prompt=a", "animate=still", "animate.loop=true"]
    line = "animate is no choice of animate=, whose kind _target_ says; --help lists them"
    assert found(tmp_path, line, *words) == "animate/still.yaml"
    assert found(tmp_path, "animate.loop=7 must be", *words) is None
    put(tmp_path, "guide/tones.yaml", "palette:\n  col\ufeffours: [red]\n")
    line = "guide.palette.col\\ufeffours is not a setting"
    assert found(tmp_path, line, "guide=[tones]") == "guide/tones.yaml"


def test_a_value_that_a_choice_should_have_set_is_its_file_s(tmp_path):
    put(tmp_path, "animate/dance.yaml", "_target_: animate/film\nmode: video\n")
    line = "animate.video=null must be a video"
    assert found(tmp_path, line, "animate=dance") == "animate/dance.yaml"
    assert found(tmp_path, "guide.clip.scale=a must be", "guide=[tones]") is None


def test_a_value_that_a_file_looks_up_elsewhere_is_that_file_s(tmp_path):
    put(tmp_path, "cutouts/few.yaml", "_target_: cutouts/standard\npower: ${steps}\n")
    line = "cutouts.power=null must be a number; it is what steps says"
    assert found(tmp_path, line, "cutouts=few") == "cutouts/few.yaml"
    assert found(tmp_path, line, "cutouts=few", "steps=50") is None
