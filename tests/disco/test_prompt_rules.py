"""Prompts of Disco Diffusion and DiscoArt keep their meaning."""

import pytest

from guided.disco.rules import translate
from guided.prompts.wildcards import Wildcards
from guided.schedule import schedule


def said(program="disco", **settings):
    return translate(program, settings)


def at(value, *progress):
    return [schedule("x", value)(p) for p in progress]


def test_a_still_sees_the_first_prompts_and_the_others_are_told():
    found = said(text_prompts={"0": ["a lighthouse", "fog:0.5"], "100": ["later"]})
    assert found.settings["prompt"] == ["a lighthouse", {"text": "fog", "weight": 0.5}]
    assert any("frame 100" in name for names in found.left.values() for name in names)


def test_prompts_that_begin_later_are_held_back_to_the_start():
    assert said(text_prompts={"50": ["a", "b"], "20": ["c"]}).settings["prompt"] == "c"


@pytest.mark.parametrize("text", ["format 16:9", "note: hello", "http://a.b/c.png"])
def test_what_only_disco_took_for_a_weight_is_text_and_told(text):
    found = said(text_prompts={"0": [text]})
    asked = found.settings["prompt"]
    assert asked == text
    assert bool(found.notes) == (text == "format 16:9")


def test_discoarts_schema():
    prompts = [
        {"text": "a cat", "weight": "[1]*500+[2]*500", "clip_guidance": ["RN50::openai"]},
        {
            "text": "fog:3",
            "weight": -1,
            "schedule": "[False]*100+[True]*900",
            "spellcheck": "raise",
        },
        {"text": "sea", "clip_guidance": ["XYZ::none"]},
    ]
    found = said("discoart", text_prompts={"version": "1", "prompts": prompts})
    cat, fog, sea = found.settings["prompt"]
    assert (cat["text"], cat["clips"]) == ("a cat", ["rn50"])
    assert at(cat["weight"], 0.4, 0.6) == [1, 2]
    assert fog["text"] == "fog"
    assert at(fog["weight"], 0.05, 0.5) == [0, -1]
    assert sea == "sea"
    left = [name for names in found.left.values() for name in names]
    assert {"clip_guidance=XYZ::none", "spellcheck of a prompt"} <= set(left)


def test_a_prompt_is_for_those_clips_only_that_there_are():
    prompt = {"text": "sea", "clip_guidance": ["RN101::openai", "ViT-B-32::laion2b_e16"]}
    prompts = {"version": "1", "prompts": [prompt]}
    found = said("discoart", text_prompts=prompts, clip_models=["ViT-B-32::laion2b_e16"])
    assert found.settings["prompt"]["clips"] == ["ViT-B-32::laion2b_e16"]
    assert any("RN101" in name for names in found.left.values() for name in names)


@pytest.mark.parametrize(
    "text", ["by __artist__", "{a|b} or __style__", r"\{a\|b\}", "___animal___", r"\__x\__ a|b"]
)
def test_what_looks_like_a_wildcard_was_text_there(text):
    found = said(text_prompts={"0": [text]}).settings["prompt"]
    assert Wildcards().draw(found, 3) == text


def test_a_prompt_without_words_is_left_out_and_told():
    found = said(text_prompts={"0": ["a star", "  ", "\t"]})
    assert found.settings["prompt"] == "a star"
    assert any("without a word" in note for note in found.notes)


def test_choices_and_lists_of_progrockdiffusion_are_wildcards():
    typed = "A <castle|home> by _artist_, <^^2|a|b|c>, snake_case_words"
    found = said(text_prompts={"0": [f"{typed}:2"], "1": ["an inn"]}, stop_early=0)
    assert found.settings["prompt"] == {
        "text": "A {castle|home} by __artist__, {a|b|c}, snake_case_words", "weight": 2,
    }  # fmt: skip
    assert any("<^^2" in note for note in found.notes)
    assert any("later picture" in why for why in found.left)
    assert said(text_prompts={"0": [typed]}).settings["prompt"] == typed  # of Disco, it is text


@pytest.mark.parametrize("value", ["random", "<0.2|0.5>"])
def test_a_setting_that_is_drawn_at_random_is_left_out_and_told(value):
    found = said(eta=value, set_seed="random_seed", text_prompts={"0": ["a"]})
    assert found.settings["sampler.eta"] == 0.8
    assert any(f"eta={value}" in name for names in found.left.values() for name in names)
