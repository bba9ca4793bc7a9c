"""What other programs drew with is taken over, and nothing is dropped in silence."""

import pytest

from guided.other_programs import table
from guided.other_programs.reading import Settings, of_data, of_text, of_texts
from guided.other_programs.table import named, programs
from guided.other_programs.translation import translate
from guided.prompts.prompt import parse
from guided.prompts.wildcards import Wildcards
from tests.other_programs import samples


def said(program, **values):
    return translate(Settings(named(program), values))


@pytest.mark.parametrize(("program", "data", "expected"), samples.DATA)
def test_settings_in_files_are_taken_over(program, data, expected):
    found = of_data(data)
    assert (found.program.name, translate(found).settings) == (program, expected)


@pytest.mark.parametrize(("program", "texts", "expected"), samples.TEXTS)
def test_settings_in_the_texts_of_pictures_are_taken_over(program, texts, expected):
    found = of_texts(texts)
    assert (found.program.name, translate(found).settings) == (program, expected)


@pytest.mark.parametrize(("program", "data", "expected"), samples.DATA)
def test_all_else_is_listed(program, data, expected):
    found = of_data(data)
    listed = [name for names in translate(found).left.values() for name in names]
    taken = {name for names in table.data()["names"].values() for name in names}
    if "animate.zoom" in expected:  # of a film
        taken |= {"animation_mode", "max_frames", "zoom"}
    empty = {name for name, value in found.values.items() if value in (None, "", [], {})}
    assert set(found.values) - taken - empty == set(listed) - {
        name for name in listed if name.startswith("its ")
    }


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("a (red:1.3) fox, <lora:detail:0.8>", "a red fox"),
        ("a fox <lora:x:1>, snow", "a fox, snow"),
        ("((a (red:1.2) fox:1.1):1.4)", "a red fox"),
        (r"a fox \(animal\)", "a fox (animal)"),
        ("a fox (close up)", "a fox (close up)"),
        ("at 16:9, ratio:2", "at 16:9, ratio:2"),
        ("by __artist__ {a|b}", "by __artist__ {a|b}"),
        ("${HOME}", "${HOME}"),
    ],
)
def test_marks_of_emphasis_are_no_words_and_all_else_is_text(typed, expected):
    found = said("AUTOMATIC1111's web UI", prompt=typed, negative_prompt=typed)
    asked, negative = parse(found.settings["prompt"], found.settings["negative"])
    assert Wildcards().draw(asked.text, 3) == Wildcards().draw(negative.text, 3) == expected
    assert (asked.weight, negative.weight) == (1, -0.5)
    marked = expected != typed
    assert any("emphasis" in note for note in found.notes) is marked


def test_novelais_braces_are_emphasis():
    found = said("NovelAI", prompt="{{masterpiece}}, [fog], 1.5::castle::", uc="x")
    assert found.settings["prompt"] == "masterpiece, fog, castle"


def test_midjourneys_parts_have_weights():
    found = of_text("a hot:: dog::2 cat::-0.5 --v 6")
    assert translate(found).settings["prompt"] == [
        "a hot", {"text": "dog", "weight": 2}, {"text": "cat", "weight": -0.5},
    ]  # fmt: skip
    assert any("--v" in names for names in translate(found).left.values())


def test_prefix_and_suffix_of_scenes_belong_to_the_prompt():
    found = said("PyTTI", scene_prefix="oil, ", scenes="a:2:0.1 | b:1_top", scene_suffix=", art")
    assert found.settings["prompt"] == [
        {"text": "oil, a, art", "weight": 2}, "oil, b, art",
    ]  # fmt: skip


def test_pictures_in_a_scene_are_told_and_are_no_words():
    found = said("PyTTI", scenes="[photo.png]:2 | a fox")
    assert found.settings["prompt"] == "a fox"
    assert "image_prompt=" in str(found.left)


def test_later_prompts_are_told():
    found = said("Deforum", prompts={"0": "a", "50": "b"})
    assert (found.settings["prompt"], "its later prompts" in str(found.left)) == ("a", True)
    found = said("Deforum", prompts=["a", "b"])
    assert (found.settings["prompt"], "its further prompts" in str(found.left)) == ("a", True)


@pytest.mark.parametrize("seed", [-1, "-1", "random", None, ""])
def test_any_seed_is_none(seed):
    assert "seed" not in said("Deforum", prompts="a", seed=seed).settings


ODD = [True, -1, 0, 0.5, 10**400, float("inf"), float("nan"), "x", "???", " ", [], [1], [[1]], {},
       {"a": [1]}, {1: {2: 3}}, {"0": None}, None, "a:" * 5000, "(" * 5000, [{}], [{"text": [1]}],
       {"caption": 3}, "| || :", "::", "512x", "--no"]  # fmt: skip


@pytest.mark.parametrize("program", [program.name for program in programs()])
@pytest.mark.parametrize("value", ODD, ids=lambda value: repr(value)[:20])
def test_whatever_stands_there_is_translated_or_told(program, value):
    names = (
        "prompt",
        "negative_prompt",
        "seed",
        "steps",
        "width",
        "height",
        "size",
        "scene_prefix",
    )
    for name in names:
        others = {"prompt": "a star", "width": 64, "height": 64} | {name: value}
        found = said(program, **others)
        assert all("\n" not in note for note in found.notes)
        assert set(found.settings) <= {"prompt", "negative", "seed", "steps", "size"}


def test_a_long_rest_is_listed_in_part():
    found = said("ComfyUI", prompt="a", **{f"n{k}": k for k in range(200)})
    (rest,) = found.left.values()
    assert (len(rest), rest[-1]) == (61, "and 140 more")
