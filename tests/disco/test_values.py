"""Values of their files keep what they meant, at every thousandth of the run."""

import pytest

from guided.disco.values import number, product, timed, truth, two_sides, unpacked
from guided.schedule import schedule


def theirs(text: str) -> list[float]:
    """The list that Disco makes of such a text, by plain repetition."""
    return [
        float(value)
        for part in text.split("+")
        for value, times in [part.strip().strip("()").split("]*")]
        for value in [value.strip().strip("[")] * int(times)
    ]


@pytest.mark.parametrize(
    "text",
    [
        "[12]*400+[4]*600",
        "[0.2]*400+[0]*600",
        "[15]*100+[15]*100+[12]*100+[12]*100+[6]*100+[4]*100+[2]*200+[0]*200",
        "[1]*1000",
        "[3]*1+[7]*999",
        "[5]*300+[6]*1200",  # Disco never came to what is beyond a thousand
    ],
)
def test_a_list_means_the_same_at_every_thousandth(text):
    ours = schedule("x", timed("x", text, []))
    assert [ours(k / 1000) for k in range(1000)] == theirs(text)[:1000]


def test_a_list_that_was_worked_out_already_is_read_too():
    values = [12] * 400 + [4] * 600
    assert timed("x", values, []) == [[0, 12], [0.4, 4]]


def test_a_short_list_is_held_and_told():
    notes = []
    ours = schedule("x", timed("x", "[1]*100+[2]*300", notes))
    assert [ours(at) for at in (0.05, 0.1, 0.39, 0.9)] == [1, 2, 2, 2]
    assert "400 values" in notes[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1, 1), (4.0, 4), ("7500", 7500), ("0.5", 0.5), (True, 1), ("False", 0), ("[1]*1000", 1)],
)
def test_plain_values_stay_plain(value, expected):
    found = timed("x", value, [])
    assert found == expected
    assert isinstance(found, int) == isinstance(expected, int)


@pytest.mark.parametrize("typed", [
    ("[0.09]", [0.09]), ("['a', \"b\"]", ["a", "b"]), ("(1280, 768)", [1280, 768]), ("[]", []),
    ("{0: ['a']}", {0: ["a"]}), ("[dramatic] castle", None), ("[12]*400+[4]*600", None),
    ("[[" * 500, None), ("a", None), (3, None), ("[a, b]", None),
], ids=str)  # fmt: skip
def test_lists_as_text_are_lists(typed):
    value, expected = typed
    assert unpacked(value) == (value if expected is None else expected)


@pytest.mark.parametrize(
    "value", [[512, 448], "512x448", "512, 448", "[512, 448]", ["512", 448.0]]
)
def test_two_sides_are_written_in_many_ways(value):
    assert two_sides("size", value) == [512, 448]


@pytest.mark.parametrize("value", [[512], "512", "wide", {"a": 1}, [1, 2, 3], None])
def test_anything_else_is_no_size(value):
    with pytest.raises(ValueError, match="size="):
        two_sides("size", value)


@pytest.mark.parametrize(
    "text", ["9**9**9", "[1]*10**9", "__import__('os')", "", "[1]*1000,", "x"]
)
def test_what_is_no_schedule_is_refused_by_name(text):
    with pytest.raises(ValueError, match="cut_overview"):
        timed("cut_overview", text, [])


def test_a_schedule_counts_where_another_is_on():
    on = "[True]*250+[False]*500+[True]*250"
    ours = schedule("x", product("[2]*500+[3]*500", on))
    assert [ours(at) for at in (0, 0.249, 0.25, 0.6, 0.75, 0.999)] == [2, 2, 0, 0, 3, 3]
    unlimited = schedule("x", product(0.05, on, off=1e9))
    assert [unlimited(at) for at in (0.1, 0.5, 0.9)] == [0.05, 1e9, 0.05]


@pytest.mark.parametrize("read", [number, truth, lambda name, value: timed(name, value, [])])
def test_several_values_are_refused_without_being_written_out(read):
    bomb = ["x"]
    for _ in range(200):  # 2**200 values, if they were
        bomb = [bomb, bomb]
    for value in (bomb, {"a": bomb}):
        with pytest.raises(ValueError, match="tv_scale"):
            read("tv_scale", value)


def test_numbers_and_truths_are_named_when_they_are_none():
    assert number("seed", "9007199254740993") == 2**53 + 1  # which no float is
    assert (number("x", True), number("x", "False"), truth("x", "off")) == (1, 0, False)
    assert (number("x", "12.0"), number("x", 0.25), truth("x", 1.0)) == (12, 0.25, True)
    with pytest.raises(ValueError, match="steps=many"):
        number("steps", "many")
    with pytest.raises(ValueError, match="skip_augs=perhaps"):
        truth("skip_augs", "perhaps")


def test_a_decimal_comma_is_told_the_point():
    with pytest.raises(
        ValueError, match=r"^eta=0,8 must be a number; with a decimal point it is 0.8$"
    ):
        number("eta", "0,8")
