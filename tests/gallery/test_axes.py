"""What the sides of a grid can be."""

import pytest

from guided.gallery.axes import axes, value_on
from guided.gallery.reading import Picture


def pictures(*rows, seeds=None):
    seeds = seeds or range(len(rows))
    return [
        Picture(k, "done", seed=seed, row=row)
        for k, (row, seed) in enumerate(zip(rows, seeds, strict=True))
    ]


def test_numbers_by_size_and_names_as_they_came():
    rows = [{"artist": a, "steps": s} for a in ("turner", "hokusai") for s in ("100", "9", "25.5")]
    assert axes(pictures(*rows)) == {
        "artist": ["turner", "hokusai"],
        "steps": ["9", "25.5", "100"],
    }


def test_what_is_the_same_everywhere_is_no_side():
    assert axes(pictures({"look": "draft", "steps": "9"}, {"look": "draft", "steps": "8"})) == {
        "steps": ["8", "9"]
    }


def test_a_row_may_leave_a_setting_out():
    found = pictures({"artist": "hokusai"}, {})
    assert axes(found) == {"artist": ["hokusai", ""]}
    assert [value_on(p, "artist") for p in found] == ["hokusai", ""]


@pytest.mark.parametrize("given", [{"seed": "5"}, {"seed": "3802092227"}, {"seed": ""}])
def test_rows_without_a_seed_have_their_pictures_own_on_the_axis(given):
    """A batch's file may give a seed to only some of its rows."""
    batch = pictures(given, {}, {"artist": "hokusai"}, seeds=[5, 3802092227, 3802092227])
    found = axes(batch)
    assert all(
        value_on(picture, name) in values for name, values in found.items() for picture in batch
    )
    if given["seed"] == "5":
        assert found["seed"] == ["5", "3802092227"]


def test_seeds_that_come_again_are_a_side_and_others_are_not():
    assert axes(pictures({}, {}, {}, {}, seeds=[7, 8, 7, 8])) == {"seed": ["7", "8"]}
    assert axes(pictures({}, {}, {}, seeds=[7, 8, 9])) == {}


def test_a_setting_with_a_value_for_every_picture_of_hundreds_is_no_side():
    assert axes(pictures(*({"prompt": f"prompt {k}"} for k in range(300)))) == {}
