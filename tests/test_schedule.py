"""Numbers that vary over the run."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from guided.schedule import check_number, schedule


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
