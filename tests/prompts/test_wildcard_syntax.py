"""Texts are taken apart into choices and the rest, and made literal."""

import pytest

from guided.prompts.wildcard_syntax import apart, literal


@pytest.mark.parametrize(
    ("text", "choices", "rest"),
    [
        ("a cat", "", "a cat"),
        ("a {red|blue} cat", "{red|blue}", "a … cat"),
        ("a {b|{c|d}} e", "{c|d}{b|…}", "a … e"),
        ("{2$$a|b} {2$$__c__} __d/e__ __*__", "{2$$a|b}", "… … … …"),
        (r"\{a|b\} \__c\__ {a}", "", "… …c… {a}"),
    ],
)
def test_choices_are_told_from_the_rest(text, choices, rest):
    assert apart(text) == (choices, rest)


@pytest.mark.parametrize(
    ("text", "made"),
    [("a cat", "a cat"), ("{a|b}", r"\{a\|b\}"), ("__c__", r"\__c\__"), ("{2$$a}", r"\{2$$a\}")],
)
def test_what_would_be_a_wildcard_is_escaped(text, made):
    assert literal(text) == made
