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
from guided.prompts.wildcard_syntax import literal
from guided.prompts.wildcards import LISTS, Wildcards, read_list

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
    (tmp_path / "a.txt").write_text("__a__\n")
    with pytest.raises(BadInput, match="circle"):
        Wildcards(tmp_path / ".").draw("{x|x} __a__", 1)


def test_a_lists_suffix_may_be_of_capitals(tmp_path: Path) -> None:
    (tmp_path / "mine.TXT").write_text("red\n")
    assert Wildcards(tmp_path).draw("__mine__ and __m*e__", 1) == "red and red"


def test_an_empty_or_unreadable_list_is_refused(tmp_path: Path) -> None:
    (tmp_path / "none.txt").write_text("# nothing\n")
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    for name in ("none", "latin"):
        with pytest.raises(BadInput, match=f"{name}.txt"):
            Wildcards(tmp_path).draw(f"__{name}__", 1)


def test_every_list_of_the_program_can_be_drawn_from() -> None:
    for name in ALL.names():
        assert ALL.draw(f"__{name}__", 3) in ALL.words(name)


@pytest.mark.parametrize(
    "text",
    ["a {red | blue | 3::green} cat", "a { red|blue|  3 :: green } cat",
     "a {\nred\n|\nblue\n|\n3::green\n} cat"],
)  # fmt: skip
def test_blanks_around_a_choice_do_not_count(text: str) -> None:
    found = drawn(text, 1000)
    assert set(found) == {"a red cat", "a blue cat", "a green cat"}
    assert abs(found["a green cat"] - 600) < 80  # binomial: 3 of 5; five standard deviations


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{2$$a|b|c}", {"a, b", "a, c", "b, a", "b, c", "c, a", "c, b"}),
        ("{1-2$$ and $$a|b}", {"a", "b", "a and b", "b and a"}),
        ("{2-$$a|b}", {"a, b", "b, a"}),
        ("{-1$$$$a|b}", {"", "a", "b"}),
        ("{1-9$$+$$a|b}", {"a", "b", "a+b", "b+a"}),
        ("{2$$0::a|b|c}", {"b, c", "c, b"}),
        ("{1$$a}", {"a"}),
        ("{ 2 $$a|b}", {"a, b", "b, a"}),
        ("｛2$$a｜b｝", {"a, b", "b, a"}),
        ("一只{红｜0：：蓝}猫", {"一只红猫"}),
        ("{2$$-$$__hue__}", {"red-blue", "blue-red"}),
        ("{2$$__hue__|pink}", {"red, pink", "pink, red", "blue, pink", "pink, blue"}),
    ],
)  # fmt: skip
def test_several_choices_at_once_as_dynamic_prompts_has_them(
    text: str, said: set[str], tmp_path: Path
) -> None:
    (tmp_path / "hue.txt").write_text("red\nblue\n")
    found = drawn(text, 300, tmp_path)
    assert set(found) == said


@pytest.mark.parametrize("text", ["{3$$a|b}", "{3-$$a|b}", "{2-1$$a|b}", "{4$$__hue__}"])
def test_more_choices_than_there_are_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "hue.txt").write_text("red\nblue\n")
    with pytest.raises(BadInput, match="cannot be drawn"):
        Wildcards(tmp_path).draw(text, 1)


@pytest.mark.parametrize("text", ["{0::a|0::b}", "{2$$0::a|0::b}", "{" + "9" * 400 + "::a|b}"])
def test_shares_that_cannot_be_drawn_are_refused(text: str) -> None:
    with pytest.raises(BadInput, match="share"):
        Wildcards().draw(text, 1)


def test_lists_in_folders_and_of_a_pattern(tmp_path: Path) -> None:
    (tmp_path / "sub/Größe").mkdir(parents=True)
    (tmp_path / "sub/deep.txt").write_text("green\n")
    (tmp_path / "sub/Größe/so_1.txt").write_text("big\n")
    (tmp_path / "top.txt").write_text("red\n")
    assert set(drawn("a __sub/deep__ hill", 3, tmp_path)) == {"a green hill"}
    assert set(drawn("__sub/*__", 100, tmp_path)) == {"green", "big"}
    assert set(drawn("__sub/Größe/so_*__", 100, tmp_path)) == {"big"}
    assert {"green", "big", "red"} < set(drawn("__*__", 4000, tmp_path))
    with pytest.raises(BadInput, match="did you mean 'sub/deep'"):
        drawn("__sub/dep__", 1, tmp_path)
    with pytest.raises(BadInput, match=r"__sup/\*__, and no list"):
        drawn("__sup/*__", 1, tmp_path)


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "sub/../../secret", "sub//x"])
def test_no_list_is_outside_of_the_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("hush\n")
    (tmp_path / "words").mkdir()
    assert Wildcards(tmp_path / "words").draw(f"__{name}__", 1) == f"__{name}__"


def test_a_choice_over_several_lines_of_a_list_is_one(tmp_path: Path) -> None:
    (tmp_path / "ab.txt").write_text("{\n0.6::A\n|\n0.4::B\n}\nC\u2028D\n")
    found = drawn("__ab__", 1000, tmp_path)
    assert set(found) == {"A", "B", "C\u2028D"}
    assert abs(found["A"] - 300) < 75  # binomial: 0.5 * 0.6; five standard deviations


def test_a_long_text_is_drawn_and_a_deep_one_refused() -> None:
    assert Wildcards().draw("leaf " * 2500, 1) == "leaf " * 2500
    assert Wildcards().draw("{a|" * 20_000, 1) == "{a|" * 20_000
    assert Wildcards().draw("{a|" * 40 + "b" + "}" * 40, 1) in ("a", "b")
    with pytest.raises(BadInput, match="more than 40 deep"):
        Wildcards().draw("{a|" * 41 + "b" + "}" * 41, 1)
    with pytest.raises(BadInput, match="below 10000 letters"):
        Wildcards().draw("leaf " * 2500 + "{a|b}", 1)


def test_a_line_of_a_list_that_names_no_list_is_refused_whatever_the_seed(tmp_path: Path) -> None:
    (tmp_path / "tree.txt").write_text("oak\n{2::fir|__nedle__}\n")
    with pytest.raises(BadInput, match=r"the list tree\.txt of the prompt has __nedle__"):
        Wildcards(tmp_path).check("a __tree__")
    Wildcards(tmp_path).check(r"a \__tree__ and a __colour__")
    (tmp_path / "bush.txt").write_text("__needle__\n")
    (tmp_path / "needle.txt").write_text("__bush__\n")  # a circle is no fault of the names
    Wildcards(tmp_path).check("a __bush__ or {__bu*__|fog}")
