"""Values in messages: readable in every script, and without power over a terminal."""

import pytest

from guided.errors import check_number, decimal_point, nearest, printable, shown


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31mred", r"\x1b[31mred"),
        ("a\rb", r"a\rb"),
        ("a\nb\tc", r"a\nb\tc"),
        ("\x9b31m", r"\x9b31m"),
        ("a\u202eb", r"a\u202eb"),
        ("a\u2066b\u2069", r"a\u2066b\u2069"),
        ("a\u2028b\u2029c", r"a\u2028b\u2029c"),
        ("a\u200bb\ufeff", r"a\u200bb\ufeff"),
        ("\U0001f3f4\x1b[31m", "\U0001f3f4\\x1b[31m"),
        ("\udce9", r"\udce9"),
    ],
)
def test_what_moves_a_terminal_is_escaped(text, expected):
    assert printable(text) == expected
    assert shown(text) == expected


def test_values_that_are_no_texts_are_spelt_as_one_types_them():
    assert [shown(value) for value in (True, False, None, 1.5)] == ["true", "false", "null", "1.5"]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "一只猫，很大",
            "Dürer",
            "e\u0301",
            "قطة",
            "می\u200cخواهم",
            "हिन्दी",
            "👩\u200d🚀 ❤\ufe0f",
        ),
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "c:\\new",
    ],
)
def test_what_is_read_stays(text):
    assert printable(text) == text


def test_long_values_keep_their_beginning_and_messages_their_end_too():
    assert shown("a" * 300) == "a" * 77 + "..."
    path = "/" + "a" * 60 + "/" + "b" * 60 + "/x(0)_settings.txt"
    assert len(shown(path)) == 80 and shown(path).endswith("/x(0)_settings.txt")
    assert shown(path + " of a") == (path + " of a")[:77] + "..."
    assert shown(10**5000).endswith("digits")
    said = printable("first " + "x" * 10_000 + " last")
    assert said.startswith("first ") and said.endswith(" last") and len(said) < 2100


def test_lines_stay_where_there_are_several():
    assert printable("a\n\tb\x1b", lines=True) == "a\n\tb\\x1b"


def test_limits_are_printed_in_full():
    high = 2**63 - 2
    with pytest.raises(ValueError, match=f"from 0 to {high}; the nearest is {high}$"):
        check_number("seed", high + 1, 0, high, whole=True)


@pytest.mark.parametrize(
    ("value", "number"),
    [("0,5", "0.5"), (" -0,25 ", "-0.25"), ("1.000,5", "1000.5"), ("12,", ""), ("1,2,3", "")],
)
def test_a_decimal_comma_is_told_from_a_list(value, number):
    assert decimal_point(value) == (f"; with a decimal point it is {number}" if number else "")
    with pytest.raises(ValueError, match=f"must be a number.*{number}$"):
        check_number("scale", value)


@pytest.mark.parametrize(
    ("word", "near"),
    [
        *(("stps", "steps"), ("ink", "ink_wash"), ("dspp", "dps")),
        *(("mask", ""), ("tile", ""), ("to", ""), ("none", "")),
    ],
)
def test_the_nearest_is_a_slip_or_a_beginning_and_never_another_word(word, near):
    told = nearest(word, ["steps", "size", "rank", "ink_wash", "total", "tune", "dsg", "dps"])
    assert told == (f", did you mean '{near}'?" if near else "")


@pytest.mark.parametrize(
    ("word", "choices", "near"),
    [
        ("true", ["none", "x", "both"], "both"),
        ("on", ["morph", "none", "slow_zoom"], "slow_zoom"),
        ("off", ["imagenet2", "none"], "none"),
        ("xy", ["none", "x", "y", "both"], "both"),
        ("true", ["x", "y"], ""),
        ("half", ["float32", "bfloat16", "float16"], "float16"),
        ("GPU", ["cpu", "cuda"], "cuda"),
        ("CPU", ["cpu", "cuda"], "cpu"),
        ("ddim", ["DDIM", "PLMS"], "DDIM"),
        ("8", ["2", "4", "guided"], "4"),
        ("1", ["2", "4", "guided"], "2"),
        ("color", ["grey", "thumbnail"], "grey"),
    ],
)
def test_the_nearest_is_what_the_word_means_or_the_nearest_number_and_capitals_do_not_count(
    word, choices, near
):
    assert nearest(word, choices) == (f", did you mean '{near}'?" if near else "")
