"""Lines of settings are taken apart as their programs put them together."""

import pytest

from guided.other_programs.texts import assignments, bracketed, dream, flags, parameters


def test_a1111s_text_of_several_lines():
    found = parameters(
        "a fox,\r\nin the snow\r\nNegative prompt: fog\npeople, Negative prompt: x\n"
        'Steps: 20, Sampler: Euler a, Size: 512x768, Lora hashes: "a: 1, b: 2", Seed: 7'
    )
    assert found == {
        "prompt": "a fox,\nin the snow", "Negative prompt": "fog\npeople, Negative prompt: x",
        "Steps": "20", "Sampler": "Euler a", "Size": "512x768", "Lora hashes": "a: 1, b: 2",
        "Seed": "7",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["a fox", "Steps: 20", "the Steps: 20, Sampler: x", ""])
def test_other_texts_are_not_a1111s(text):
    assert parameters(text) is None


def test_invokeais_command():
    found = dream('"a fox [fog]" -s50 -S 7 -W 512 -H 448 -C7.5 -A k_lms')
    assert found == {
        "prompt": "a fox", "negative_prompt": "fog", "steps": "50", "seed": "7", "width": "512",
        "height": "448", "-C": "7.5", "-A": "k_lms",
    }  # fmt: skip
    assert bracketed("a [b] c [d]") == {"prompt": "a c", "negative_prompt": "b, d"}
    assert dream('"a fox" said the hen') is None


def test_midjourneys_flags():
    found = flags("a fox - red --ar 3:2 --no fog, a hen --tile --v 6.1 Job ID: 1b7e-22")
    assert found == {
        "prompt": "a fox - red", "--ar": "3:2", "negative_prompt": "fog, a hen", "--tile": "",
        "--v": "6.1",
    }  # fmt: skip
    assert flags("a fox -- red") is None
    for command in (
        "/imagine prompt: a fox --v 5",
        "/imagine a fox --v 5",
        "/Imagine prompt:a fox --v 5",
    ):
        assert flags(command) == {"prompt": "a fox", "--v": "5"}
    assert flags("a fox Job ID: 1b7e")["prompt"] == "a fox"


def test_assignments():
    assert assignments("[x]\na = 1\n# b = 2\nc=  'x' \n") == {"a": "1", "c": "'x'"}
