"""Numbers that vary over the run."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from guided.errors import check_number
from guided.schedule import schedule


@given(value=st.floats(-1e6, 1e6) | st.integers(-1000, 1000), progress=st.floats(0, 1))
@settings(deadline=None)
def test_one_number_holds_for_the_whole_run(value: float, progress: float) -> None:
    assert schedule("x", value)(progress) == value


@given(
    starts=st.lists(st.floats(0, 1), min_size=1, max_size=6, unique=True),
    progress=st.floats(0, 1),
)
@settings(deadline=None)
def test_each_value_holds_from_its_own_progress_to_the_next(
    starts: list[float], progress: float
) -> None:
    starts = sorted(starts)
    pairs = [[start, 10 * k] for k, start in enumerate(starts)]
    begun = [value for start, value in pairs if start <= progress]
    # Before the first pair its value holds already.
    assert schedule("x", pairs)(progress) == (begun[-1] if begun else 0)


def test_the_example_of_the_documentation() -> None:
    overview = schedule("overview", [[0, 12], [0.4, 4]])
    assert [overview(p) for p in (0, 0.399, 0.4, 1)] == [12, 12, 4, 4]
    assert overview.highest == 12


def test_pairs_may_come_from_a_configuration_and_a_schedule_is_left_as_it_is() -> None:
    made = schedule("x", OmegaConf.create([[0, 1], [0.5, 2]]))
    assert made(0.7) == 2
    assert schedule("x", made) is made


@pytest.mark.parametrize(
    "value",
    [
        "12",
        "[[0, 12]]",
        None,
        True,
        [],
        [0, 12],
        [[0, 12, 3]],
        [[0, "12"]],
        [[0, True]],
        {"0": 12},
        [[0.4, 4], [0, 12]],
        [[0, 1], [0, 2]],
        [[-0.1, 1]],
        [[0, 1], [1.1, 2]],
        [[math.nan, 1]],
        math.nan,
        math.inf,
        [[0, 1], [0.5, math.inf]],
    ],
    ids=str,
)
def test_what_is_no_schedule_is_refused_by_name(value: object) -> None:
    with pytest.raises(ValueError, match="overview"):
        schedule("overview", value)


@pytest.mark.parametrize(
    "value, low, high, whole, said",
    [
        (1.5, 0, 1, False, r"eta=1\.5 must be a number from 0 to 1; the nearest is 1"),
        (-1, 0, math.inf, False, "eta=-1 must be a number of 0 or more; the nearest is 0"),
        (2.5, 1, 10, True, r"eta=2\.5 must be a whole number from 1 to 10$"),
        ("x", 0, 1, False, "eta=x must be a number from 0 to 1$"),
    ],
)
def test_a_number_out_of_range_says_what_is_allowed(
    value: object, low: float, high: float, whole: bool, said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        check_number("eta", value, low, high, whole)


def test_every_pair_is_checked_not_only_the_first() -> None:
    with pytest.raises(ValueError, match="steps=9"):
        schedule("steps", [[0, 2], [0.5, 9]], 1, 5)
    with pytest.raises(ValueError, match=r"steps=2\.5"):
        schedule("steps", [[0, 2], [0.5, 2.5]], 1, 5, whole=True)


@pytest.mark.parametrize(
    ("text", "points"),
    [
        ("[12]*400+[4]*600", {0: 12, 0.399: 12, 0.4: 4, 1: 4}),
        (" [12] * 2 + [4] * 3 ", {0: 12, 0.39: 12, 0.4: 4}),  # any length
        ("([0.2]*400)+([0.]*600)", {0: 0.2, 0.4: 0}),
        ("[1, 2, 3, 4]", {0: 1, 0.25: 2, 0.74: 3, 0.99: 4}),
        ("([1,2]*2)+[.5]*4", {0: 1, 0.124: 1, 0.125: 2, 0.25: 1, 0.49: 2, 0.5: 0.5}),
        ("[True]*400+[False]*600", {0: 1, 0.4: 0}),
        ("[-1e1]*3+[+2]", {0: -10, 0.74: -10, 0.75: 2}),
        ("[5]*0+[7]*10", {0: 7, 1: 7}),
    ],
)
def test_lists_as_disco_writes_them(text: str, points: dict[float, float]) -> None:
    read = schedule("cut_overview", text)
    assert {at: read(at) for at in points} == points


@given(st.lists(st.tuples(st.integers(-50, 50), st.integers(1, 40)), min_size=1, max_size=6))
@settings(deadline=None)
def test_a_disco_list_means_what_python_means_by_it(runs: list[tuple[int, int]]) -> None:
    entries = [value for value, times in runs for _ in range(times)]
    text = "+".join(f"[{value}]*{times}" for value, times in runs)
    read = schedule("x", text)
    middles = [(k + 0.5) / len(entries) for k in range(len(entries))]
    assert [read(at) for at in middles] == entries


@pytest.mark.parametrize(
    "text",
    [
        "9**9**9",
        "[9]**9",
        "[9]*9**9",
        "[1]*999999999*999999999",
        "[1,2]*999999999",
        "[1]*99999999999999999999",
        "[12]*400+",
        "[12]*400[4]*600",
        "[[12]]*400",
        "[]",
        "[5]*0",
        "[x]*1000",
        "__import__('os').system('true')",
        "[12]*-4",
        "[12]*4.5",
        "400*[12]",
        "[12]*400+4",
        "(" * 5000,
        "[" * 200_000,
        "",
        "twelve",
    ],
    ids=lambda text: text[:20],
)
def test_other_texts_are_refused_at_once_and_never_evaluated(text: str) -> None:
    with pytest.raises(ValueError, match="cut_overview=") as told:
        schedule("cut_overview", text)
    assert len(str(told.value)) < 250


def test_key_frames_are_in_per_cent_and_linear_between() -> None:
    read = schedule("zoom", "0: (1.0), 50: (0.2), 100:(-1)")
    assert [read(at) for at in (0, 0.5, 1)] == [1.0, 0.2, -1]
    assert read(0.25) == pytest.approx(0.6)
    for wrong in ("0: (1), 150: (2)", "0: 1", "0: (1) 50: (2)", "50: (1), 0: (2)", "0: (a)"):
        with pytest.raises(ValueError, match="zoom="):
            schedule("zoom", wrong)


def test_linear_and_cosine_ways_from_one_value_to_the_next() -> None:
    linear = schedule("x", {"linear": [[0.2, 1], [0.6, 3], [1, 0]]})
    assert [linear(p) for p in (0, 0.2, 0.6, 1)] == [1, 1, 3, 0]
    assert linear(0.4) == pytest.approx(2)
    assert linear(0.8) == pytest.approx(1.5)
    cosine = schedule("x", {"cosine": [[0, 1], [1, 3]]})
    assert [cosine(p) for p in (0, 1)] == [1, 3]
    # The raised cosine: half way at half time, and flat at both ends.
    assert cosine(0.5) == pytest.approx(2)
    assert cosine(0.25) == pytest.approx(1 + 2 * (1 - math.cos(math.pi / 4)) / 2)
    assert schedule("x", {"step": [[0, 1], [0.5, 3]]})(0.6) == 3
    for wrong in ({"lineal": [[0, 1]]}, {"linear": [[0, 1]], "cosine": [[0, 1]]}, {}):
        with pytest.raises(ValueError, match="x="):
            schedule("x", wrong)


def test_a_schedule_that_begins_late_passes_all_its_values_in_the_rest() -> None:
    whole = schedule("x", {"linear": [[0, 12], [0.5, 4], [1, 2]]})
    late = whole.begun(0.4)
    for k in range(11):
        assert late(0.4 + 0.6 * k / 10) == pytest.approx(whole(k / 10))
    assert late(0) == 12


def test_values_of_a_text_are_checked_like_others() -> None:
    with pytest.raises(ValueError, match=r"gray=1\.5 must be a number from 0 to 1"):
        schedule("gray", "[0.2]*400+[1.5]*600", 0, 1)
    with pytest.raises(ValueError, match="whole"):
        schedule("inner", "[4]*400+[4.5]*600", 0, 512, whole=True)


def test_a_count_between_two_whole_numbers_is_rounded() -> None:
    read = schedule("inner", {"linear": [[0, 4], [1, 12]]}, 0, 512, whole=True)
    assert [read(p) for p in (0, 0.05, 0.1, 0.5, 1)] == [4, 4, 5, 8, 12]
