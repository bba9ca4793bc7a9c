"""Arguments are taken apart into flags and settings; bare words are the prompt."""

import re

import pytest

from guided.config.command_line import read_arguments
from guided.config.overrides import raws
from guided.errors import BadInput


@pytest.mark.parametrize(
    ("arguments", "flags", "words"),
    [
        (["a", "red", "heart"], [], ["prompt=a red heart"]),
        (["seed=3", "a", "star"], [], ["seed=3", "prompt=a star"]),
        (["prompt=a", "red", "heart", "seed=3"], [], ["prompt=a red heart", "seed=3"]),
        (["E=mc2, chalk"], [], ["prompt=E=mc2, chalk"]),
        (["gallery=my folder"], [], ["gallery=my folder"]),
        (["-m", "seed=1,2"], ["-m"], ["seed=1,2"]),
        (["--config-dir", "mine", "x y"], ["--config-dir", "mine"], ["prompt=x y"]),
        (["~guide.range", "~ 5 o'clock"], [], ["~guide.range", "prompt=~ 5 o'clock"]),
    ],
)
def test_flags_and_words(arguments, flags, words):
    found, overrides = read_arguments(arguments)
    assert (found, raws(overrides)) == (flags, words)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a", "star", "prompt=a sun"], "prompt is given twice"),
        (["--seed=3"], "--seed=3 is written without dashes"),
        (["--gallery"], "without dashes"),
    ],
)
def test_slips_are_refused(arguments, message):
    with pytest.raises(BadInput, match=message):
        read_arguments(arguments)


def test_a_slip_in_a_name_is_no_prompt():
    _, (override,) = read_arguments(["promt=a star"])
    assert override.name == "promt"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prompt", "=", "a red heart", "seed", "=", "5"], "prompt='a red heart'"),
        (["prompt", "a red heart"], "prompt='a red heart'"),
        (["prompt:a"], "as prompt=a;"),
        (["Prompt: a red heart", "seed=5"], "prompt='a red heart'"),
        (["a cat", "negative:fog"], "negative stands apart"),
        (["prompt", "=a red heart"], "prompt stands apart"),
        (["promt", "=", "a red heart"], "promt stands apart"),
        (["a red heart", "seed", "=", "5"], "seed=5"),
        (["a red heart", "seed=", "5"], "seed=5"),
        (["a red heart", "seed", "=5"], "seed=5"),
        (["a", "red", "heart", "seed", "5"], "seed=5"),
        (["prompt=a red heart", "seed", "=", "5"], "seed=5"),
        (["prompt=a", "red", "heart", "seed", "=", "5"], "seed=5"),
        (["a red heart", "seed", "steps=5"], "seed stands apart"),
        (["seed", "steps=5"], "seed stands apart"),
        (["prompt", "steps=5"], "prompt stands apart"),
        (["a red heart", "guide.clip.scale", "=", "500"], "guide.clip.scale=500"),
        (["a", "heart", "guide.clip.scale", "big"], "guide.clip.scale=big"),
        (["a castle", "negative", "fog"], "negative"),
        (["a castle", "negative=", "fog"], "negative=fog"),
        (["prompt=a red heart", "seed", "steps=5"], "seed stands apart"),
        (["prompt＝a red heart"], "prompt='a red heart'"),
        (["一颗红心", "seed＝5"], "seed=5"),
        (["a red heart", "—seed=5"], "seed=5"),
        (["a red heart", "seed:5"], "seed=5"),
        (["prompt:", "a red heart"], "prompt='a red heart'"),
        (["PROMPT=a red heart"], "prompt='a red heart'"),
        (["a", "heart", "guide.clip.scale：5"], "guide.clip.scale=5"),
    ],
)
def test_a_setting_with_blanks_in_it_is_no_prompt(arguments, said):
    with pytest.raises(BadInput, match=re.escape(said)):
        read_arguments(arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ["a", "guide", "to", "the", "model"],
        ["E", "=", "mc2"],
        ["x", "=", "5", "on", "a", "blackboard"],
        ["the", "size", "of", "a", "mouse", "steps=20"],
        ["show", "me", "a", "cat"],
        ["seed"],
        ["a prompt = an order"],
        ["model: a portrait"],
        ["castle:2"],
        ["size: big", "steps=20"],
    ],
)
def test_a_sentence_may_have_names_of_settings_in_it(arguments):
    _, overrides = read_arguments(arguments)
    words = [word for word in arguments if "=" not in word or " " in word or word == "="]
    assert f"prompt={' '.join(words)}" in raws(overrides)


def test_blanks_behind_prompts_equals_sign_are_nothing_else():
    _, (override,) = read_arguments(["prompt=", "a red heart"])
    assert override.name == "prompt" and override.text.strip() == "a red heart"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["prompt=a", "prompt=b"], "prompt is given twice: 'a' and 'b'; several are a list"),
        (["x", "seed=1", "seed=2"], "seed is given twice: '1' and '2'"),
        (["x", "seed=1", "seed=1"], "seed is given twice"),
        (["x", "look=ink", "look=oil"], "look is given twice.*look="),
        (["x", "+guide.clip.scale=1", "guide.clip.scale=2"], "guide.clip.scale is given twice"),
        (["-m", "x", "seed=1,2", "seed=3"], "seed is given twice"),
        (["x", "negative=a", "negative=b"], "negative is given twice"),
    ],
)
def test_a_setting_has_one_value(arguments, said):
    with pytest.raises(BadInput, match=said):
        read_arguments(arguments)


def test_different_settings_of_a_group_are_not_twice():
    words = ["guide=[clip]", "~guide.range", "~guide.smooth", "guide.clip.scale=1"]
    _, overrides = read_arguments(["prompt=x", *words])
    assert raws(overrides) == ["prompt=x", *words]


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\v", "\f"])
def test_line_separators_of_other_kinds_part_no_prompt(mark):
    for arguments in ([f"prompt=a{mark}b"], [f"a{mark}b"], ["a", f"b{mark}c"]):
        _, (override,) = read_arguments(arguments)
        assert override.name == "prompt"
        assert override.text == " ".join(arguments).removeprefix("prompt=")
        assert override.value == override.text


def test_two_dashes_alone_are_no_word_of_the_prompt():
    _, words = read_arguments(["--", "prompt=a cat", "seed=1"])
    assert [word.raw for word in words] == ["prompt=a cat", "seed=1"]
