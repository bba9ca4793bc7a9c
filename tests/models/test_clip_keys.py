"""Checks of values in CLIP configurations."""

import pytest

from guided.models.clip_keys import (
    boolean,
    either,
    holding,
    like,
    null,
    number,
    one_of,
    several,
    text,
    whole,
)


@pytest.mark.parametrize(
    "check, allowed, refused",
    [
        (whole(1, 9), [1, 9], [0, 10, 1.0, True, "1", None]),
        (number(0, 1), [0, 1, 0.5], [-0.1, 1.1, float("nan"), True, "0"]),
        (boolean, [True, False], [0, 1, "true", None]),
        (null, [None], [0, "", False]),
        (text, ["", "a"], [None, 1, b"a"]),
        (one_of("tok", "avg"), ["tok", "avg"], ["", "TOK", None, 1]),
        (like(r"[a-z]{1,3}", "letters"), ["a", "abc"], ["", "abcd", "é", "a\n", None]),
        (several(2, whole(1, 9)), [[1, 2]], [[1], [1, 2, 3], [1, 0], (1, 2), "12", None]),
        (either(null, whole(1, 9)), [None, 3], [0, "3"]),
        (holding({"a": boolean}), [{}, {"a": True}], [{"a": 1}, {"b": True}, [], None]),
    ],
)
def test_only_values_of_the_right_type_and_range_are_allowed(check, allowed, refused) -> None:
    assert [check(value) for value in allowed] == [None] * len(allowed)
    assert all(isinstance(check(value), str) and check(value) for value in refused)
