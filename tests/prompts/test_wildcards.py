"""Wildcards: what is drawn, how often, and that it depends on the image's seed alone."""

from collections import Counter
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from guided.config import presets
from guided.errors import BadInput
from guided.paths import conf_folder
from guided.prompts.wildcards import LISTS, Wildcards, literal, read_list

CONF = conf_folder()
ALL = Wildcards(preset_names=presets.names)


def drawn(text: str, count: int = 400, folder: Path | None = None) -> Counter[str]:
    return Counter(Wildcards(folder, presets.names).draw(text, seed) for seed in range(count))


def test_each_choice_comes_about_equally_often() -> None:
    found = drawn("a {red|blue|light green} car", 900)
    assert set(found) == {"a red car", "a blue car", "a light green car"}
    # Binomial: 300 each, standard deviation 14; five of them.
    assert all(abs(count - 300) < 70 for count in found.values())


def test_a_share_makes_a_choice_likelier() -> None:
    found = drawn("{3::oak|birch}", 800)
    assert abs(found["oak"] - 600) < 62  # five standard deviations
    assert set(drawn("{0::oak|birch}")) == {"birch"}


def test_choices_may_be_empty_or_inside_one_another() -> None:
    assert set(drawn("{a|{b|c}}")) == {"a", "b", "c"}
    assert set(drawn("cat{|s}")) == {"cat", "cats"}


def test_a_list_gives_one_of_its_lines(tmp_path: Path) -> None:
    (tmp_path / "颜色.txt").write_text("# mine\n红\n\n 蓝 \n", encoding="utf-8")
    assert set(drawn("一只__颜色__猫", folder=tmp_path)) == {"一只红猫", "一只蓝猫"}
    assert set(drawn("a __animal__", 5)) <= {
        f"a {name}" for name in read_list(LISTS / "animal.txt")
    }


def test_artists_and_styles_are_lists_too_in_the_language_of_the_text() -> None:
    def said(language: str, group: str, **wanted: str) -> set[str]:
        nodes = [
            (path.stem, yaml.safe_load(path.read_text())) for path in (CONF / group).iterdir()
        ]
        leaves = [node.get(group, node).get(name, {}) for name, node in nodes]
        return {
            leaf["name"][language] for leaf in leaves if leaf and wanted.items() <= leaf.items()
        }

    assert set(drawn("__artist__", 3000)) == said("en", "artist")
    assert set(drawn("一只猫__mood__", 900)) == {
        f"一只猫{mood}" for mood in said("zh", "look", kind="mood")
    }


def test_ones_own_list_comes_before_the_programs_and_may_name_another(tmp_path: Path) -> None:
    (tmp_path / "animal.txt").write_text("{big|small} __beast__\n")
    (tmp_path / "beast.txt").write_text("yeti\n")
    assert set(drawn("a __animal__", folder=tmp_path)) == {"a big yeti", "a small yeti"}


@given(seed=st.integers(0, 2**63 - 1), place=st.integers(0, 5))
def test_the_same_seed_draws_the_same(seed: int, place: int) -> None:
    text = "{a|b|c|d|e|f|g|h} __animal__ __style__"
    assert ALL.draw(text, seed, place) == ALL.draw(text, seed, place)


def test_two_prompts_of_one_image_draw_apart() -> None:
    pairs = {
        (Wildcards().draw("{a|b}", seed, 0), Wildcards().draw("{a|b}", seed, 1))
        for seed in range(60)
    }
    assert len(pairs) == 4


@given(st.text(st.characters(blacklist_characters="{}|\\_", blacklist_categories=("Cs",))))
def test_other_text_is_left_alone(text: str) -> None:
    assert Wildcards().draw(text, 1) == text


@pytest.mark.parametrize(
    "text", ["{curly} braces", "a | b", "snake_case __init", "{", "}{", "{}", "a_b__c_d"]
)
def test_what_is_no_wildcard_is_left_alone(text: str) -> None:
    assert Wildcards().draw(text, 1) == text


def test_braces_can_be_meant() -> None:
    assert Wildcards().draw(r"\{a|b\}", 1) == "{a|b}"


def test_a_list_can_be_meant_as_text() -> None:
    assert Wildcards().draw(r"by \__artist\__ and \__style__", 1) == "by __artist__ and __style__"
    assert Wildcards().draw("¯\\_(ツ)_/¯", 1) == "¯\\_(ツ)_/¯"


@given(st.text("{}|_\\ab:", max_size=30))
def test_what_is_made_literal_is_drawn_as_it_was(text: str) -> None:
    assert Wildcards().draw(literal(text), 1) == text


def test_a_missing_list_names_the_nearest() -> None:
    with pytest.raises(BadInput, match="did you mean 'artist'"):
        ALL.draw("by __artits__", 1)
    with pytest.raises(BadInput, match="wildcards=nowhere is no folder"):
        Wildcards.read("nowhere")


def test_lists_that_name_each_other_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x __b__\n")
    (tmp_path / "b.txt").write_text("y __a__\n")
    with pytest.raises(BadInput, match="circle"):
        Wildcards(tmp_path).draw("__a__", 1)


def test_an_empty_or_unreadable_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("# nothing\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    for name in ("none", "latin"):
        with pytest.raises(BadInput, match=f"{name}.txt"):
            Wildcards(tmp_path).draw(f"__{name}__", 1)


def test_every_list_of_the_program_can_be_drawn_from() -> None:
    for name in ALL.names():
        assert ALL.draw(f"__{name}__", 3) in ALL.words(name)
