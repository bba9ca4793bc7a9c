"""Names that are no settings are refused with the nearest that are, of the choices at hand."""

import pytest

from guided.config.composition import Composer, compose
from guided.errors import BadInput

CASES = [
    (["sampler=plms", "sampler.recurrence=1"], r"sampler.recurrence' is not .* order, eta"),
    (["sampler=ddim", "sampler.recurence=1"], "did you mean 'sampler.recurrence'"),
    (["guide.smooth.scale=3"], r"smooth is not chosen.*guide=\[clip,range,smooth\]"),
    (["guide=[clip]", "guide.range.scale=3"], r"guide=\[clip,range\]"),
    (["sede=3"], "did you mean 'seed'"),
]


@pytest.mark.parametrize(("words", "message"), CASES)
def test_a_name_is_refused_with_the_settings_of_what_is_chosen(words, message):
    with pytest.raises(BadInput, match=message) as caught:
        compose(["prompt=x", *words])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("words", "message"), CASES[:3])
def test_a_row_is_refused_as_a_command_is(words, message):
    with pytest.raises(BadInput, match=message), Composer(["prompt=x"]).row(words):
        pass


@pytest.mark.parametrize(
    "word", ["~output.still.format", "~seed", "~sampler.eta", "~guide.clip.scale", "~prompt"]
)
def test_a_setting_cannot_be_removed(word):
    with pytest.raises(BadInput, match=f"{word}.*group"):
        compose(["prompt=x", word])


@pytest.mark.parametrize("word", ["~secondary", "~guide.range", "~output.sheet"])
def test_a_group_and_a_choice_can_be_removed(word):
    group, _, choice = word[1:].partition(".")
    cfg = compose(["prompt=x", "secondary=imagenet2", word])
    assert choice not in cfg[group] if choice else not cfg.get(group)


@pytest.mark.parametrize(
    "word",
    [
        "prompt={0: a, 0: b}",
        "prompt=[{text: a, text: b}]",
        "guide.clip.scale={0: 1, 0.5: 2, 0: 3}",
        "prompt={text: 'a, b', text: c}",
    ],
)
def test_a_key_that_is_given_twice_is_refused(word):
    with pytest.raises(BadInput, match="twice"):
        compose([word, "prompt=x"] if word.startswith("guide") else [word])


@pytest.mark.parametrize(
    "word",
    [
        "prompt={0: 'a, b', 0.5: \"c, 'd', e\"}",
        r"prompt={0: 'it\'s, a', 0.5: b}",
        "prompt=[{text: a, clips: [x, y]}, b]",
        "guide.clip.scale={0: 1, 0.5: 2}",
        "size=[64,64]",
        "prompt=[]",
    ],
)
def test_commas_in_texts_are_no_keys(word):
    compose([word])


@pytest.mark.parametrize(("text", "warned"), [("{x: y}", True), ("{curly} braces", False)])
def test_a_mapping_with_other_keys_is_drawn_as_text_with_a_warning(caplog, text, warned):
    assert compose(["prompt=x", f"negative={text}"]).negative == text
    assert ("drawn as one text" in caplog.text) == warned
