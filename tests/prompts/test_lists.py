"""Lists and mappings of prompts are read in any script and with any quotation marks."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.config.overrides import parse, plain_value
from guided.prompts import lists

TWO = ["castle:2", "fog"]


@pytest.mark.parametrize(
    "text",
    [
        "[castle:2, fog]",
        "[castle:2,fog,]",
        "[castle:2; fog]",
        "【“castle:2”；fog】",
        '["castle:2"; "fog"]',
        '["castle":2, "fog"]',
        "['castle': 2, 'fog']",
        '["castle:2", "fog"]',
        "['castle:2','fog']",
        "[“castle:2”, “fog”]",
        "[„castle:2“, „fog”]",
        "[«castle:2», »fog«]",
        "[‹castle:2›, ‘fog’]",
        "[「castle:2」、『fog』]",
        "[＂castle:2＂，＇fog＇]",
        "【castle:2，fog】",
        "［castle:2，fog］",
        "〔castle:2、fog〕",
        "[castle:2، fog]",
        " [\n  castle:2,\n  'fog'\n]\n",
        '["castle:2", fog]',
        '["castle:2"\u2028, "fog"]',
    ],
)
def test_a_list_is_the_same_in_any_script_and_with_any_quotes(text):
    assert lists.read(text) == TWO


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[château:2, brume]", ["château:2", "brume"]),
        ("[城堡：2，雾]", ["城堡：2", "雾"]),
        ("[замок:2, туман]", ["замок:2", "туман"]),
        ('{"0": ["a castle:2", "fog"]}', {"0": ["a castle:2", "fog"]}),
        ("{0: 【城堡：2，雾】，０.5：树}", {"0": ["城堡：2", "雾"], "０.5": "树"}),
        ("｛“text”：“雾”，“weight”：２｝", {"text": "雾", "weight": 2}),
        ("{text: été, weight: [[0, 1], [0.5, .2]]}",
         {"text": "été", "weight": [[0, 1], [0.5, 0.2]]}),
        ("{text: été, weight: {linear: [[0,1],[1,0]]}}",
         {"text": "été", "weight": {"linear": [[0, 1], [1, 0]]}}),
        ("{text: 12, weight: 2}", {"text": "12", "weight": 2}),
        ("{text: été, from: 40%, until: 0.8}", {"text": "été", "from": "40%", "until": 0.8}),
        ('[{"text": "fog", "weight": 2}, {"text": "castle"},]',
         [{"text": "fog", "weight": 2}, {"text": "castle"}]),
        ('["a \\u00e9", "b \\"c\\""]', ["a é", 'b "c"']),
        ('["\\ud83c\\udf32 tree"]', ["🌲 tree"]), ('["\\ud83c"]', ["\\ud83c"]),
        ("[{red|blue} été, fog]", ["{red|blue} été", "fog"]),
        ("[un chat (gros, rouge), été]", ["un chat (gros, rouge)", "été"]),
        ("[l'été, it's]", ["l'été", "it's"]),
        (r"[été\, hiver, fog]", ["été, hiver", "fog"]),
        ('["une phrase, été", fog]', ["une phrase, été", "fog"]),
        ("[été, [a, b]]", ["été", ["a", "b"]]),
        ("[été, null]", ["été", None]),
        ("“a cat, sitting”", "a cat, sitting"),
        ("[]", []),
        ("{ }", {}),
    ],
)  # fmt: skip
def test_every_form_has_its_value(text, value):
    assert lists.read(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "", "a cat", "[été", "été]", "[abstrait] été", "[a] und [b]", "{rouge|été}", "{été}",
        "“Nevermore” said the “raven”", '"a" and "b"', "'a' and 'b'", "“a”，“b”", "'tis été",
        '["a" "b"]', '["a": b, c]', "{", "[", "[[été]", "{text été}",
        "[" * 41 + "é" + "]" * 41, "{é:" * 20_000, "[" * 50_000,
        "['" * 20 + ", '" * 20_000 + "é",
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_prose_is_no_list(text):
    assert lists.read(text) is None


WORD = st.text("abcxyz", min_size=1, max_size=5)
ITEM = WORD | st.builds("{} {}:{}".format, WORD, WORD, st.integers(1, 9))


@given(st.lists(ITEM, min_size=1, max_size=4))
@settings(deadline=None, max_examples=50)
def test_plain_lists_are_read_as_hydra_does(items):
    """Hydra's grammar is the reference for what it can read."""
    text = f"[{', '.join(items)}]"
    word = parse(f"prompt={text}")
    assert lists.read(text) == plain_value(word.hydra.value())


VALUES = st.recursive(
    st.text(max_size=8) | st.integers(-99, 99) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.lists(VALUES, max_size=4) | st.dictionaries(st.text(max_size=5), VALUES, max_size=3))
@settings(deadline=None)
def test_json_is_read_as_it_was_written(value):
    assert lists.read(json.dumps(value)) == value
    assert lists.read(json.dumps(value, ensure_ascii=False, indent=2)) == value


@given(st.text("[]{}【】\"'“”,，:：a\\ é", max_size=40))
@settings(deadline=None)
def test_nothing_that_is_typed_fails(text):
    try:
        lists.read(text)
    except ValueError as error:
        assert "twice" in str(error)


@pytest.mark.parametrize("text", ['{"0": "a", "0": "b"}', "{0: é, 0: b}", '[{"a": 1, "a": 2}]'])
def test_a_key_twice_is_refused(text):
    with pytest.raises(ValueError, match="twice"):
        lists.read(text)


@pytest.mark.parametrize(
    ("text", "usual"),
    [("【a，b】", "[a,b]"), ("a、b", "[a,b]"), ("[a，b]", "[a,b]"), ("a,b", "a,b"), ("a", "a")],
)
def test_marks_of_lists_of_names_become_the_usual_ones(text, usual):
    assert lists.usual_marks(text) == usual


@pytest.mark.parametrize(
    ("text", "resembles"),
    [
        ("[a", True),
        ('["a", "b"', True),
        ("【a", True),
        ('{"text": ', True),
        ("[abstract] art", False),
        ("{red|blue} car", False),
        ('["a" "b"]', True),
        ("a [cat]", False),
    ],
)
def test_a_broken_list_is_told_from_prose(text, resembles):
    assert lists.resembles(text) is resembles
