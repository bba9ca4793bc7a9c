"""Every error is one printable line, and Python's values become words."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guided.config.composition import compose
from guided.config.messages import BAD, say, words_for
from guided.config.overrides import raws
from guided.config.plan import Plan
from guided.errors import BadInput
from tests.composing import composed

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=12),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.from_regex(r"[a-z][a-z0-9]{0,5}", fullmatch=True), inner, max_size=3)
    ),
    max_leaves=6,
)


@settings(deadline=None, max_examples=100)
@given(value=VALUES)
def test_a_value_is_read_back_by_hydra_as_it_was(value):
    """`skip` takes any value. Its reading by Hydra's parser is the oracle."""
    (override, _) = words_for("x", (), {"skip": value})
    assert override.name == "skip" and not override.swept
    assert unescaped(override.value) == value


def unescaped(value):
    """Return a value without the escapes of `${` and ???."""
    if isinstance(value, dict):
        return {key: unescaped(inside) for key, inside in value.items()}
    if isinstance(value, list):
        return [unescaped(inside) for inside in value]
    return value.replace("\\${", "${") if isinstance(value, str) else value


def test_words_and_values_are_typed_in_order():
    words = words_for(["a, b", "c"], ["steps=3"], {"seed": 7})
    assert raws(words) == ["steps=3", "seed=7", "prompt=['a, b','c']"]


@pytest.mark.parametrize("words", [["prompt=b"], ["seed=5"], ["steps=3", "steps=4"]])
def test_a_value_that_is_given_twice_is_refused(words):
    with pytest.raises(BadInput, match="is given twice"):
        words_for("a", words, {"seed": 7})


def test_a_name_that_is_no_setting_is_refused():
    with pytest.raises(BadInput, match=r"sede.*seed"):
        words_for("x", (), {"sede": 7})


@pytest.mark.parametrize(
    ("words", "part"),
    [
        (["model=imagnet512"], "imagenet512"),
        (["sampler=ddim,plms"], "sampler"),
        (["steps=many"], "steps"),
        (["guide=clip,range"], r"guide=\[clip,range\]"),
        (["seed=${oc.env:HOME}"], "seed"),
        (["size=" + "[" * 60], "size"),
    ],
)
def test_an_error_of_any_kind_is_one_line(words, part):
    with pytest.raises(BadInput, match=part) as caught:
        composed(["prompt=x", *words])
    assert "\n" not in str(caught.value)


def test_an_error_that_nobody_expected_names_its_kind():
    assert say(KeyError("x")) == "KeyError: 'x' (debug=true shows where)"


def test_what_is_right_composes():
    assert composed(["prompt=x"]) == compose(["prompt=x"])


def test_a_path_that_may_not_be_opened_is_bad_input_and_named_with_its_setting(monkeypatch):
    monkeypatch.setattr("sys.argv", ["run.py", "prompt=a", "clip=['RN50::mine/m.pt']", "folder=."])
    for place in ("mine/m.pt", str(Path("mine/m.pt").absolute())):
        error = PermissionError(13, "Permission denied", place)
        assert isinstance(error, BAD)
        assert say(error) == f"clip=['RN50::mine/m.pt']: {place}: Permission denied"
    assert say(PermissionError(13, "Permission denied", "/x")) == "/x: Permission denied"
    assert say(OSError(5, "I/O error", "/x")) == "/x: I/O error (debug=true shows where)"


def test_a_choice_of_many_names_the_list_the_nearest_and_what_files_are_read():
    with pytest.raises(BadInput, match=r"is not one of the \d+ of model=list, did you mean"):
        composed(["prompt=a", "model=imagenet51"])
    with pytest.raises(BadInput, match=r"files of weights end in .*safetensors") as caught:
        composed(["prompt=a", "model=x.gguf"])
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("clip.embedded_a.reads.x=1", "clip.embedded_a.reads is a list, as in"),
        ("wildcards=${guide.clip}", "is a mapping; it has one value"),
    ],
)
def test_lists_and_mappings_in_wrong_places_are_told_in_our_words(word, message):
    with pytest.raises(BAD) as caught:
        Plan.read(composed(["prompt=a sun", word]))
    line = say(caught.value)
    assert message in line and "\n" not in line
