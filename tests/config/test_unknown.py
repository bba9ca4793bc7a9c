"""Names that are no settings are refused with the nearest that are, of the choices at hand."""

import pytest

from guided.config.composition import Composer, compose
from guided.config.plan import Plan
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


@pytest.mark.parametrize(("text", "warned"), [("{x: y}", True), ("{curly} braces", False)])
def test_a_mapping_with_other_keys_is_drawn_as_text_with_a_warning(caplog, text, warned):
    plan = Plan.read(compose(["prompt=x", f"negative={text}"]))
    assert plan.prompts[1].text == text
    assert ("drawn as one text" in caplog.text) == warned
