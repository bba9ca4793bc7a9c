"""Prose reaches the configuration as it was typed, past Hydra's grammar."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from guided.config.command_line import read_arguments
from guided.config.overrides import parse as parse_word
from guided.config.overrides import raws
from guided.prompts.prompt import parse

# Whatever a keyboard or clipboard gives; not half of a surrogate pair, which no UTF-8 can carry,
# and not NUL, which no command line can.
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
PROSE = st.text(LETTERS, min_size=1, max_size=30)
NASTY = st.text("${}\\'\"=,:[]()~+-#@!%&*|<>?^`; \n\t\r.a1é猫🎨", min_size=1, max_size=20)
SENTENCES = [
    "a red heart",
    "castle, fog and rain",
    "it's a dog's life",
    'she said "hello"',
    "note: hello",
    "a 16:9 photo",
    "c:\\temp\\new",
    "costs ${money} and $5",
    "\\${x} \\\\${y} \\",
    "${oc.env:HOME}",
    "a = b",
    "[abstract] art",
    "{curly} (round) <angle>",
    "first line\nsecond line",
    "一行白鹭上青天，两个黄鹂鸣翠柳",
    "🎨 a heart ❤️ 👩‍👩‍👧",
    "Null",
    "true",
    "12",
    "1e3",
    "#hashtag",
    "100% cotton & silk | wool; end",
    "'",
    "\\'",
    "a\\",
    "~",
    "fog:0.5",
]


@pytest.fixture(scope="module", autouse=True)
def hydra(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A configuration of two settings, to compose in a millisecond."""
    folder: Path = tmp_path_factory.mktemp("conf")
    (folder / "config.yaml").write_text("prompt: null\nnegative: null\nseed: 1\n")
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(folder), version_base="1.3"):
        yield


def quote(words: list[str]) -> list[str]:
    """Return flags and words as Hydra is given them."""
    flags, overrides = read_arguments(words)
    return [*flags, *(override.quoted for override in overrides)]


def composed(*words: str):
    return compose("config", quote(list(words)))


# ---- prose through Hydra -------------------------------------------------------------------


@pytest.mark.parametrize("setting", ["prompt", "negative"])
@pytest.mark.parametrize("text", SENTENCES)
def test_sentences_arrive_as_they_were_typed(setting: str, text: str) -> None:
    assert composed(f"{setting}={text}")[setting] == text


@given(text=PROSE | NASTY)
@example(text="\\")
@example(text="\\${")
@example(text="'${a}'b")
@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
def test_any_prose_arrives_as_it_was_typed(text: str) -> None:
    word = f"prompt={text}"
    assume(text != "???" and not parse_word(word).is_grammar)
    found = composed(word).prompt
    assert isinstance(found, str) and found == text


@pytest.mark.parametrize("setting", ["prompt", "negative"])
def test_omegaconfs_mark_for_what_is_missing_is_prose_too(setting: str) -> None:
    cfg = composed(*["prompt=a cat"] * (setting != "prompt"), f"{setting}=???")
    assert parse(cfg.prompt, cfg.negative)[-1].text == "???"


@given(text=PROSE | NASTY)
@example(text="a = b")
@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
def test_bare_words_are_a_prompt_too(text: str) -> None:
    """A sentence that does not begin like an option, an override or a quotation."""
    text = "猫 " + text
    assert composed(text).prompt == text


@pytest.mark.parametrize(
    "words, prompt",
    [
        (["a", "red", "heart"], "a red heart"),
        (["a red heart", "seed=3"], "a red heart"),
        (["一行白鹭上青天"], "一行白鹭上青天"),
        (["e=mc2", "blackboard"], None),
        (["it's", "raining"], "it's raining"),
        (["castle:2"], "castle:2"),
    ],
)
def test_words_without_a_key_are_the_prompt(words: list[str], prompt: str | None) -> None:
    quoted = quote(words)
    if prompt is None:  # what looks like a setting is left for Hydra to refuse by name
        assert "e=mc2" in quoted
    else:
        assert composed(*words).prompt == prompt
        assert ("seed=3" in words) == (composed(*words).seed == 3)


def test_hydras_own_grammar_still_works() -> None:
    assert composed('prompt=["a castle:2", "fog"]').prompt == ["a castle:2", "fog"]
    assert composed("prompt=[{text: fog, weight: 0.5}]").prompt[0].weight == 0.5
    assert composed("prompt='quoted, by hand'").prompt == "quoted, by hand"
    assert composed('prompt="quoted, by hand"').prompt == "quoted, by hand"
    assert composed("prompt=null").prompt is None
    assert quote(["prompt=choice(a,b)"]) == ["prompt=choice(a,b)"]
    # What begins like it but does not read as it is prose.
    for text in ("'tis the season", '"Nevermore" said the raven', "[half a list", "choice(s"):
        assert composed(f"prompt={text}").prompt == text


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["-m", "seed=1,2"],
        ["--config-name", "other"],
        ["-cn", "my conf", "--cfg", "job"],
        ["seed=3", "+model.new=1", "~guide.smooth", "++x=2", "look=draft", "guide@a.b=clip"],
        ["hydra.run.dir=a b"],
    ],
)
def test_everything_else_is_left_to_hydra(words: list[str]) -> None:
    assert quote(words) == words


def test_a_flags_value_is_not_prose() -> None:
    assert quote(["--config-dir", "somewhere", "a", "cat"])[:2] == ["--config-dir", "somewhere"]
    assert quote(["--config-dir", "somewhere", "a", "cat"])[2] == "prompt='a cat'"


@pytest.mark.parametrize(
    "value",
    ["{0: a cat, 0.5: a dog}", "{text: fog, weight: 2}", "[{text: fog, weight: 2}, sun]"],
)
def test_mappings_on_the_command_line_are_left_to_hydra(value: str) -> None:
    assert quote([f"prompt={value}"]) == [f"prompt={value}"]


@pytest.mark.parametrize("value", ["{red|blue} car", "{curly} braces", "{a: b} is a set", "{"])
def test_braces_in_prose_are_prose(value: str) -> None:
    assert quote([f"prompt={value}"]) != [f"prompt={value}"]


def test_prose_is_read_without_torch() -> None:
    code = "import sys, guided.config.command_line; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_flags_and_words_are_told_apart_and_words_stay_as_typed():
    typed = ["a cat, sitting", "--config-dir", "mine", "seed=7", "-m", "~guide.range"]
    flags, words = read_arguments(typed)
    assert flags == ["--config-dir", "mine", "-m"]
    assert raws(words) == ["seed=7", "~guide.range", "prompt=a cat, sitting"]


@pytest.mark.parametrize("text", ["-1", "random", "RANDOM", "Random", "-1.0", "'random'", '"-1"'])
@pytest.mark.parametrize("sign", ["", "++"])
def test_a_random_seed_is_no_seed_however_it_is_written(text, sign):
    one = parse_word(f"{sign}seed={text}")
    assert one.name == "seed" and one.value is None and one.raw == f"{sign}seed=null"


@pytest.mark.parametrize(
    "word", ["seed=-2", "seed=-10", "seed=randomly", "name=random", "skip=-1"]
)
def test_other_values_than_a_random_seed_stay_as_they_are(word):
    assert parse_word(word).raw == word


@pytest.mark.parametrize("text", ["${" * 41, "(" * 60, "a {" * 50, ":[" * 99])
def test_open_brackets_within_a_text_are_not_nested(text):
    override = parse_word(f"name={text}")
    assert override.hydra is not None
    assert override.value == text.replace("${", "\\${")  # escaped, so that nothing is looked up


@pytest.mark.parametrize("value", ["sky.png", "[0,0,0.5,1]", "alpha", "null"])
def test_a_mask_is_said_by_its_name_alone(value):
    one = parse_word(f"mask={value}")
    assert (one.name, one.text, one.root) == ("mask.area", value, "mask")
    assert parse_word(one.raw) == one
    assert parse_word("mask.grow=2").name == "mask.grow"


def test_a_list_with_escapes_of_json_is_read_as_json():
    cfg = composed(r'prompt=["ch\u00e2teau:2", "\ud83c\udf32"]')
    assert [(one.text, one.weight) for one in parse(cfg.prompt)] == [("château", 2.0), ("🌲", 1.0)]


@pytest.mark.parametrize("typed", ["???", '"???"', "'???'", "[???,b]", '["???", b]'])
def test_question_marks_are_a_text_and_no_missing_value(typed):
    """OmegaConf takes ??? for a value that is missing, and refuses to read it."""
    from guided.config.composition import compose
    from guided.config.plan import Plan

    assert Plan.read(compose([f"prompt={typed}"])).prompts[0].text == "???"


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ('"a cat, ???, happy"', "a cat, ???, happy"),
        ("""["a cat [???]"]""", "a cat [???]"),
        ("""'he said "???"'""", 'he said "???"'),
        (r"""'it\'s [???, "???"]'""", """it's [???, "???"]"""),
    ],
)
def test_question_marks_inside_a_quoted_text_stay(typed, text):
    from guided.config.composition import compose
    from guided.config.plan import Plan

    assert Plan.read(compose([f"prompt={typed}"])).prompts[0].text == text
