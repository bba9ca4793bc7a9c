"""The setting `manner`."""

import pytest

from guided.errors import BadInput
from guided.outputs.manner_names import MANNERS, read_manner


@pytest.mark.parametrize("english, chinese", MANNERS)
def test_a_manner_is_chosen_by_its_name_in_either_language(english, chinese):
    for typed in (english, english.upper(), english.replace(" ", "_"), chinese):
        assert read_manner(typed) == english


@pytest.mark.parametrize(
    "typed, meant",
    [("auto", "auto"), ("none", "none"), ("off", "none"), (None, "none"), (False, "none")],
)
def test_it_is_automatic_or_none(typed, meant):
    assert read_manner(typed) == meant


@pytest.mark.parametrize("typed", ["wtercolour", "mosiac", 3, True, ["neon"]])
def test_another_is_refused_with_those_that_there_are(typed):
    with pytest.raises(
        BadInput, match=r"^manner=.*is not one of auto, none, ink wash, .*paper cut"
    ):
        read_manner(typed)


def test_a_slip_is_told_what_is_meant():
    with pytest.raises(BadInput, match="did you mean 'watercolour'"):
        read_manner("wtercolour")


@pytest.mark.parametrize(
    "typed, meant",
    [("watercolor", "watercolour"), ("aquarelle", "watercolour"), ("Hokusai", "woodblock print")],
)
def test_other_names_that_prompts_take_are_taken(typed, meant):
    assert read_manner(typed) == meant
