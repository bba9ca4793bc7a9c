"""What was asked for is understood: weights are not guessed, prompts come and go."""

import re
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guided.errors import BadInput
from guided.prompts.prompt import NEGATIVE_WEIGHT, Prompt, parse, shares, unwanted, wanted

PROSE = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


@pytest.mark.parametrize(
    "text, weight",
    [("fog:0.5", 0.5), ("fog:-2", -2), ("fog: 3", None), ("fog :3", 3), ("fog:+1.5", 1.5),
     ("fog:.5", 0.5), ("fog:2.", 2), ("a note: fog:0.5", 0.5), ("雾:0.5", 0.5), ("fog:0", 0)],
)  # fmt: skip
def test_a_number_right_behind_the_last_colon_is_the_weight(
    text: str, weight: float | None
) -> None:
    (found, *_) = parse([text, "something"])
    if weight is None:
        assert found == Prompt(text, 1)
    else:
        assert found == Prompt(text[: text.rindex(":")].strip(), weight)


@pytest.mark.parametrize(
    "text",
    [
        "16:9",
        "a photo in 16:9",
        "the clock shows 12:30",
        "note: hello",
        "note: 5",
        "http://localhost:8080",
        "https://example.com/a:b",
        "a castle:",
        "ratio 1:2:3",
        "C:\\art",
        "Genesis 1:1",
        "smile :)",
        "chapter:one",
        ":5",
    ],
)
def test_a_colon_of_the_sentence_is_no_weight(text: str) -> None:
    assert parse(text) == [Prompt(text, 1.0)]


@given(
    text=PROSE.map(str.strip).filter(lambda text: text and ":" not in text),
    weight=st.floats(-1000, 1000).map(lambda number: round(number, 3)).filter(bool),
)
@settings(deadline=None)
def test_any_text_with_a_weight_gives_both_back(text: str, weight: float) -> None:
    assume(not text[-1].isdigit())
    assert parse(f"{text}:{weight}") == [Prompt(text, weight)]


@given(text=PROSE.filter(str.strip))
@settings(deadline=None)
def test_no_word_of_a_prompt_is_ever_lost(text: str) -> None:
    """It is either the whole text, or all of it up to a colon with a number."""
    (found,) = parse([text, "more"])[:1]
    rest = text.strip()[len(found.text) :]
    assert text.strip().startswith(found.text)
    assert rest == "" or float(rest.strip().removeprefix(":")) == found.weight


def test_mappings_give_text_and_weight_without_any_reading_of_colons() -> None:
    prompts = parse([{"text": "16:9 fog:2", "weight": 0.5}, {"text": "sun"}])
    assert prompts == [Prompt("16:9 fog:2", 0.5), Prompt("sun", 1.0)]


def test_negative_prompts_count_minus_a_half_unless_they_say_otherwise() -> None:
    prompts = parse("a castle", ["fog", "rain:2", {"text": "snow", "weight": 1}])
    assert prompts == [
        Prompt("a castle"), Prompt("fog", NEGATIVE_WEIGHT), Prompt("rain", -2), Prompt("snow", -1)
    ]  # fmt: skip
    assert NEGATIVE_WEIGHT == -0.5


@pytest.mark.parametrize("negative", [" fog ", {"text": "fog"}, ["fog"]])
def test_a_negative_prompt_without_a_weight_counts_the_same_however_it_is_written(
    negative: object,
) -> None:
    assert parse("a castle", negative)[1] == Prompt("fog", NEGATIVE_WEIGHT)


@pytest.mark.parametrize(
    "prompt, said",
    [
        (None, "prompt is empty"),
        ("", "prompt is empty"),
        ([], "prompt is empty"),
        ({}, "prompt is empty"),
        ("   ", "is empty"),
        (["cat", ""], "is empty"),
        ("cat:0", "every weight is 0"),
        (["cat:0", "dog:0"], "every weight is 0"),
        ({"weight": 2}, "text"),
        ({"text": "cat", "wieght": 2}, "text"),
        ({"text": "cat", "weight": "much"}, "weight much"),
        ({"text": "cat", "weight": float("nan")}, "weight nan"),
        ({"text": "cat", "weight": True}, "weight true"),
        ({"text": "cat", "image": "cat.png"}, "a text or an image"),
        ({"text": "cat", "from": 2}, "progress"),
        ({0.5: "cat", 0.2: "dog"}, "rise"),
        ({0: "cat", 1: "dog"}, "the end of the run"),
        ({"text": "cat", "from": 0.5, "until": 0.5}, "until=0.5 must be above from=0.5"),
        ([{"text": "cat", "from": "50%", "until": 0.4}, "dog"], "until=0.4 must be above"),
        ([{"text": "cat", "from": 1}, "dog"], "until=1 must be above from=1"),
        ({"text": ["cat", "dog"]}, "must be a text"),
        ({"text": {"a": "cat"}}, "must be a text"),
        ({"text": "cat", "weight": "[0]*10"}, "every weight is 0"),
        ({"text": "cat", "weight": "9**9"}, "a schedule as"),
    ],
    ids=str,
)
def test_nothing_to_draw_is_refused(prompt: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse(prompt)


def test_weights_are_shares_of_their_sizes_and_never_divide_by_zero() -> None:
    assert shares([3, -1]) == [0.75, -0.25]
    assert shares([1, -1]) == [0.5, -0.5]
    assert shares([-1]) == [-1]
    assert shares([0, 0]) == [0, 0]


def test_the_references_rules_of_weights_can_be_chosen() -> None:
    assert shares([3, -1], "sum") == [1.5, -0.5]  # Disco: divided by |sum|
    assert shares([1, -3], "sum") == [0.5, -1.5]
    assert shares([3, -4], "l2") == pytest.approx([0.6, -0.8])  # DiscoArt
    assert shares([1, 1], "l2") == pytest.approx([2**-0.5] * 2)


def test_a_weight_may_vary_over_the_run() -> None:
    (fog, sun) = parse(
        [
            {"text": "fog", "weight": [[0, 1], [0.5, 0]]},
            {"text": "sun", "weight": {"linear": [[0, 0], [1, 2]]}},
        ]
    )
    assert [fog.at(p) for p in (0, 0.49, 0.5, 1)] == [1, 1, 0, 0]
    assert sun.at(0.5) == pytest.approx(1)
    (mist,) = parse({"text": "mist", "weight": "[2]*400+[-1]*600"})
    assert [mist.at(p) for p in (0.3, 0.4)] == [2, -1]
    (_, away) = parse("a", {"text": "mist", "weight": "[2]*400+[-1]*600"})
    assert [away.at(p) for p in (0.3, 0.4)] == [-2, 1]


def test_prompts_come_and_go() -> None:
    seed, tree, bird = parse(
        [{"text": "a seed", "until": 0.5}, {"text": "a tree", "from": "50%"}, "a bird"]
    )
    assert [p.at(0.2) for p in (seed, tree, bird)] == [1, 0, 1]
    assert [p.at(0.5) for p in (seed, tree, bird)] == [0, 1, 1]
    assert [p.at(1.0) for p in (seed, tree, bird)] == [0, 1, 1]


def test_a_mapping_of_progress_gives_each_part_of_the_run_its_prompts() -> None:
    prompts = parse({0: "a seed", 0.4: ["a tree:2", "fog"], "70%": {"text": "a wood"}})
    at = lambda progress: {p.text: p.at(progress) for p in prompts if p.at(progress)}  # noqa: E731
    assert at(0) == at(0.39) == {"a seed": 1}
    assert at(0.4) == at(0.69) == {"a tree": 2, "fog": 1}
    assert at(0.7) == at(1) == {"a wood": 1}


def test_nothing_in_a_mapping_is_as_if_it_were_not_there() -> None:
    text = '{"text": "a", "weight": null, "clips": null, "from": null, "until": null}'
    assert parse(text) == [Prompt("a")]


def test_backslashes_of_windows_stay_in_paths() -> None:
    (one, two) = parse(None, None, r'["C:\temp\new.png", "é.png"]')
    assert (one.image, two.image) == (r"C:\temp\new.png", "é.png")


def test_a_weight_of_json_may_be_a_text() -> None:
    assert parse('[{"text": "a", "weight": "2"}, {"text": "b", "weight": " -0.5"}]') == [
        Prompt("a", 2.0), Prompt("b", -0.5)
    ]  # fmt: skip


def test_prompts_for_some_clips_only() -> None:
    (fog, sun) = parse([{"text": "fog", "clips": ["vit_b32", "rn50"]}, "sun"])
    assert fog.clips == ("vit_b32", "rn50")
    assert sun.clips == ()


def test_image_prompts_have_paths_and_weights() -> None:
    prompts = parse(
        "a cat", None, ["C:\\art\\cat.png:0.5", "dog.jpg", {"image": "x y.png", "weight": -1}]
    )
    assert [(p.image, p.weight) for p in prompts] == [
        ("", 1), ("C:\\art\\cat.png", 0.5), ("dog.jpg", 1), ("x y.png", -1)
    ]  # fmt: skip
    assert [p.image for p in parse(None, None, "dog.jpg")] == ["dog.jpg"]


@pytest.mark.parametrize(
    ("prompt", "negative", "wants", "not_wanted"),
    [
        ("a fox", None, "a fox", ""),
        (["a fox", "fog:-1"], None, "a fox", "fog"),
        ("a fox", ["fog", "rain:0.2"], "a fox", "fog; rain"),
        ({0: "a sketch", 0.5: "a fox"}, None, "a fox", ""),
        ([{"text": "a sketch", "until": 0.5}, "fog:-1"], None, "a sketch", "fog"),
        (["a fox", {"text": "fog", "weight": -1, "until": 0.3}], None, "a fox", "fog"),
        (["a fox", "a cat:0"], None, "a fox", ""),
    ],
)
def test_what_is_wanted_and_what_is_not(prompt, negative, wants, not_wanted):
    prompts = parse(prompt, negative)
    assert (wanted(prompts), unwanted(prompts)) == (wants, not_wanted)


@given(st.text("[]{}【】\"'“”,，:：|_$a1.5- é\\\n<>()", max_size=30), st.booleans())
@settings(deadline=None)
def test_any_text_is_read_or_refused(text: str, negative: bool) -> None:
    """No other exception is raised."""
    try:
        found = parse("x", text) if negative else parse([text, "x"])
    except BadInput as error:
        assert str(error).startswith(("prompt", "negative"))
    else:
        assert all(isinstance(one.text, str) and one.text for one in found)


TWO = [Prompt("château", 2.0), Prompt("brume", 1.0)]


@pytest.mark.parametrize(
    "text",
    ["[château:2, brume]", "【château：2，brume】", "[“château:2”, «brume»]",
     '["château:2", "brume",]',
     '[{"text": "château", "weight": 2}, {"text": "brume"}]', "{0: [château:2, brume]}",
     '{"0": ["château:2", "brume"]}', '{"0%"：【château：２，brume】}'],
)  # fmt: skip
def test_a_list_is_one_in_any_script_wherever_it_is_written(text: str) -> None:
    assert parse(text) == TWO
    assert parse("x", text)[1:] == [replace(TWO[0], weight=-2.0), replace(TWO[1], weight=-0.5)]
    if text.startswith("{"):  # a schedule in a schedule
        return
    assert parse({0: text, 0.5: "x"})[:2] == [replace(one, ends=0.5) for one in TWO]
    assert [p.image for p in parse(None, None, text.replace("text", "image"))] == [
        "château", "brume"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "weight"),
    [("雾：2", 2), ("雾：－０．５", -0.5), ("fog:−0.5", -0.5), ("2049：1.5", 1.5)],
)
def test_colon_and_number_may_be_those_of_any_keyboard(text: str, weight: float) -> None:
    assert parse([text, "x"])[0].weight == weight


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ('{"text_prompts": {"0": ["a"]}, "steps": 250}', "import=FILE"),
        ('{"0": "a", "0": "b"}', "prompt=.*a key twice"),
        ('{"0": ["a"], "100": ["b"]}', "prompt has 100 .*frames"),
        ('{"text": null}', "a text or an image"),
        ('{"text": "a", "wieght": 2}', "did you mean 'weight'"),
        ("{}", "prompt is empty"),
        ("[]", "prompt is empty"),
        ("[é,,b]", "is empty"),
        ("fog:" + "9" * 400, "weight inf"),
        ([{"text": "a", "weight": 1e308}, {"text": "b", "weight": 1e308}], "weight 1e"),
    ],
)
def test_what_is_pasted_and_wrong_is_refused(prompt: object, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse(prompt)


@pytest.mark.parametrize(
    ("negative", "warned"),
    [("fog:-1", True), (["a", "fog:-1"], True), ({"text": "fog", "weight": -1}, True),
     ({"text": "fog", "weight": [[0, 1], [0.5, -1]]}, True), ("fog:0.5", False), ("fog", False),
     ({}, False), (None, False)],
)  # fmt: skip
def test_a_negative_that_becomes_positive_is_told(
    negative: object, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    parse("a castle", negative)
    assert ("negative has fog with a weight below 0" in caplog.text) == warned
    assert len(caplog.records) == warned


@pytest.mark.parametrize(
    ("prompt", "negative", "said"),
    [
        ("a", "[a", "negative=[a looks like a list"),
        ('["a", "b', None, "prompt=.* looks like a list"),
        ("a", "{x: y}", "negative={x: y} has keys"),
        (["a (cat:1.3)", "b"], None, "prompt has (cat:1.3), which weighs words"),
        ({0: {"text": "a (cat:1.3)"}}, None, "prompt has (cat:1.3), which weighs words"),
        ("a", "((hands))", "negative has ((hands)), which weighs words"),
        ("a", "b | c", 'negative=\'["b", "c"]\''),
        ("a | b:2", None, 'prompt=\'["a", "b:2"]\''),
    ],
)
def test_what_is_drawn_as_text_is_told(
    prompt: object, negative: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    parse(prompt, negative)
    assert re.search(re.escape(said).replace(r"\.\*", ".*"), caplog.text)


@pytest.mark.parametrize(
    ("prompt", "at"),
    [({0.2: "a", 0.5: "b"}, "0:"), ({0: "a", 0.5: "b:0"}, "0.5:"),
     ({"text": "a", "until": 0.4}, "0.4:"),
     ({"text": "a", "weight": [[0, 0], [0.3, 1]]}, "0:"), ([{"text": "a", "until": 0.4}, "b"], ""),
     ({0: "a", 0.5: "b"}, ""), ({"text": "a", "weight": {"linear": [[0, 1], [1, 2]]}}, "")],
)  # fmt: skip
def test_a_part_of_the_run_without_a_prompt_is_told(
    prompt: object, at: str, caplog: pytest.LogCaptureFixture
) -> None:
    parse(prompt)
    assert len(caplog.records) == bool(at)
    assert f"no prompt has a weight at progress {at}" in caplog.text or not at


@pytest.mark.parametrize(
    "prompt", ["a red heart", "a castle, fog and rain", ["a:2", "b"], "一行白鹭上青天，两个黄鹂"]
)
def test_nothing_is_said_of_a_plain_prompt(
    prompt: object, caplog: pytest.LogCaptureFixture
) -> None:
    parse(prompt, "a face", "a (1.5).png")
    assert caplog.text == ""
