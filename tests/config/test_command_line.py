"""Arguments are taken apart into flags and settings; bare words are the prompt."""

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
