"""A program's settings are recognised as its own, and nobody's as nobody's."""

import json

import pytest

from guided.disco.table import defaults
from guided.other_programs.reading import of_data, of_text, of_texts, parsed
from tests.other_programs import samples


@pytest.mark.parametrize("program", ["disco", "discoart"])
def test_settings_of_disco_are_not_another_programs(program):
    assert of_data(defaults(program)) is None
    assert of_data({"text_prompts": {"0": ["a castle --ar 3:2 --v 5"]}, "steps": 250}) is None
    assert of_data({"text_prompts": "a castle --ar 3:2 --v 5", "clip_models": []}) is None


@pytest.mark.parametrize(
    "data",
    [None, 3, "x", [], [1], {}, {"prompt": "x"}, {"prompt": "x", "sampler": "k_lms"}, {1: 2},
     {"nodes": 1, "links": 2}, {"nodes": [1], "links": []}, {"prompt": {}}, {"image": 3},
     {"a": {"class_type": "x"}}],
    ids=str,
)  # fmt: skip
def test_what_is_of_no_known_program_is_not_taken(data):
    assert of_data(data) is None


@pytest.mark.parametrize(
    "text",
    ["", "a clay teapot", "Steps: 20", "a\nSteps: many, Sampler: x", '"a" -x', "x = 3", "a --help",
     "a castle - b -- c", "%" * 1000, "Prompt: a\nSeed: 7\nSteps: 25\n"],
)  # fmt: skip
def test_prose_is_no_settings(text):
    assert of_text(text) is None


def test_a_program_without_a_name_is_read_all_the_same():
    data = {"prompt": "a castle", "seed": 3, "width": 64, "height": 64, "model": "x"}
    assert of_data(data).program.name == "a program that is not known by name"


def test_files_of_text():
    assert of_text(samples.A1111).program.name == "AUTOMATIC1111's web UI"
    assert of_text(samples.DREAM).program.name == "InvokeAI"
    assert of_text(samples.MIDJOURNEY).program.name == "Midjourney"
    majesty = "[basic_settings]\nwidth = 256\nheight = 320\nlatent_diffusion_guidance_scale = 12\n"
    found = of_text(majesty)
    assert (found.program.name, found.values["width"]) == ("Majesty Diffusion", "256")


def test_a_text_that_says_nothing_is_passed_over():
    texts = {"Comment": "Created with GIMP", "parameters": samples.A1111, "Software": "GIMP"}
    assert of_texts(texts).program.name == "AUTOMATIC1111's web UI"
    assert of_texts({"Comment": "Created with GIMP", "Software": "GIMP"}) is None


DEEP, LONG = '{"a": ' + "[" * 90 + "]" * 90 + "}", '{"a": "' + "x" * 2**22 + '"}'


@pytest.mark.parametrize("text", ["{", '{"a": 1', "x", "{" * 10_000, DEEP, LONG])
def test_a_text_that_is_no_json_or_too_large_has_no_data(text):
    assert parsed(text) is None
    assert of_texts({"parameters": text, "prompt": text}) is None


def test_json_within_json_has_an_end():
    text = json.dumps(samples.INVOKE)
    for _ in range(12):
        text = json.dumps({"parameters": text})
    assert of_texts({"parameters": text}).program.name == "InvokeAI"
