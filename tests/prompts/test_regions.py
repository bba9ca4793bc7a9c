"""Boxes of regions, and the layouts that place them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.errors import BadInput
from guided.prompts.regions import LAYOUTS, Region, boxes, canvas, overlap, read_box

COUNTS, SIDES = st.integers(1, 12), st.integers(8, 200)


@pytest.mark.parametrize(
    ("box", "size", "pixels"),
    [
        ((0, 0, 0.5, 1), (96, 32), (0, 0, 48, 32)),
        ((0.25, 0.5, 1, 1), (40, 20), (10, 10, 40, 20)),
        ((0.999, 0.999, 1, 1), (32, 32), (31, 31, 32, 32)),  # at least one pixel
    ],
)
def test_a_box_is_in_shares_of_any_size(box, size, pixels):
    assert Region(box=box).pixels(size) == pixels


def test_boxes_side_by_side_share_no_pixel_and_leave_none():
    for width in range(8, 90):
        parts = [Region(box=box).pixels((width, 8)) for box in boxes("row", 7, (width, 8), 0)]
        assert [part[0] for part in parts[1:]] == [part[2] for part in parts[:-1]]
        assert (parts[0][0], parts[-1][2]) == (0, width)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("left", r"box=left must be a box \[left,top,right,bottom\]"),
        ([0, 0, 1], r"box=\[0, 0, 1\] must be"),
        ([0, 0, 1, "x"], "must be"),
        ([0, 0, 1, True], "must be"),
        ([0, 0, 1.5, 1], r"the nearest is box=\[0,0,1,1\]"),
        ([-1, 0, 0.5, 2], r"the nearest is box=\[0,0,0.5,1\]"),
        ([0.5, 0, 0.5, 1], r"each from 0 to 1, as in \[0,0,0.5,1\]$"),
        ([0.9, 0, 0.1, 1], r"each from 0 to 1, as in \[0,0,0.5,1\]$"),
        ([math.nan, 0, 1, 1], "must be"),
        ([2, 0, 3, 1], r"as in \[0,0,0.5,1\]$"),  # outside
    ],
)
def test_a_box_that_is_none_is_told_with_the_nearest_one(value, said):
    with pytest.raises(BadInput, match=said):
        read_box("box", value)


@given(st.sampled_from(LAYOUTS), COUNTS, SIDES, SIDES, st.integers(0, 2**40))
def test_every_layout_places_each_region_inside_the_picture(layout, count, width, height, seed):
    placed = boxes(layout, count, (width, height), seed)
    assert len(placed) == count
    for left, top, right, bottom in placed:
        assert 0 <= left < right <= 1 + 1e-9 and 0 <= top < bottom <= 1 + 1e-9


@given(COUNTS, SIDES, SIDES)
def test_cells_of_rows_and_grids_are_alike_and_do_not_overlap(count, width, height):
    for layout in ("row", "grid"):
        placed = boxes(layout, count, (width, height), 0)
        areas = [(right - left) * (bottom - top) for left, top, right, bottom in placed]
        assert overlap(placed) == pytest.approx(0, abs=1e-9)
        assert areas == pytest.approx([areas[0]] * count)


def test_a_grid_has_square_cells_where_it_can_and_centres_its_last_row():
    assert boxes("grid", 4, (64, 64), 0) == (
        (0, 0, 0.5, 0.5), (0.5, 0, 1, 0.5), (0, 0.5, 0.5, 1), (0.5, 0.5, 1, 1)
    )  # fmt: skip
    assert boxes("grid", 3, (96, 32), 0) == boxes("row", 3, (96, 32), 0)
    assert boxes("grid", 3, (64, 64), 0)[2] == (0.25, 0.5, 0.75, 1)


@given(st.integers(2, 5), st.integers(0, 2**40))
def test_what_is_scattered_is_square_and_hardly_overlaps(count, seed):
    size = canvas("scatter", count, (32, 32))
    placed = boxes("scatter", count, size, seed)
    for left, top, right, bottom in placed:
        assert (right - left) * size[0] == pytest.approx((bottom - top) * size[1])
    assert overlap(placed) < 0.25 * (placed[0][2] - placed[0][0]) * (placed[0][3] - placed[0][1])


def test_the_seed_decides_what_is_scattered():
    one, same, other = (boxes("scatter", 3, (64, 64), seed) for seed in (1, 1, 2))
    assert one == same != other


@given(st.sampled_from(LAYOUTS), COUNTS)
def test_a_canvas_has_room_for_every_region(layout, count):
    width, height = canvas(layout, count, (32, 32))
    assert width % 32 == height % 32 == 0 and width * height >= count * 32 * 32
    if layout == "row":
        assert (width, height) == (32 * count, 32)
