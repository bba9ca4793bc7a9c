"""How a canvas is divided: every pixel is covered, windows overlap as they should, none is larger
than a network takes."""

import math
from itertools import pairwise

import pytest

from guided.diffusion.tiles import TILES, Axis, WindowSizes, divided

EMBEDDED = WindowSizes(32, 8, fixed=True)
KINDS = [
    EMBEDDED,
    WindowSizes(32, 32, fixed=True),
    WindowSizes(48, 32),
    WindowSizes(512, 64),
    WindowSizes(256, 32),
    WindowSizes(64, 8),
]


def axes(sizes: WindowSizes, length: int) -> list[Axis]:
    return [sizes.overlapping(length), sizes.overlapping(length, True), sizes.adjacent(length)]


def lengths(sizes: WindowSizes) -> range:
    return range(sizes.step, 6 * sizes.own, sizes.step)


@pytest.mark.parametrize("sizes", KINDS, ids=str)
def test_windows_cover_every_pixel_and_lie_on_the_canvas(sizes: WindowSizes):
    for length in lengths(sizes):
        for axis in axes(sizes, length):
            covered = {
                (start + k) % length if axis.ring else start + k
                for start, side in zip(axis.starts, axis.sides, strict=True)
                for k in range(side)
            }
            assert covered == set(range(length))
            assert axis.ring or axis.beyond == 0


@pytest.mark.parametrize("sizes", KINDS, ids=str)
def test_a_network_takes_every_window(sizes: WindowSizes):
    for length in lengths(sizes):
        for axis in axes(sizes, length):
            several = len(axis.starts) > 1
            assert several == (length > sizes.most)
            if several:
                assert max(axis.sides) - min(axis.sides) in (0, sizes.step)
                assert all(side % sizes.step == 0 for side in axis.sides)
                assert max(axis.sides) <= sizes.most
                assert not sizes.fixed or set(axis.sides) == {sizes.own}


@pytest.mark.parametrize("sizes", KINDS, ids=str)
def test_neighbours_overlap_by_an_eighth_of_the_own_size_to_be_blended(sizes: WindowSizes):
    for length in lengths(sizes):
        for ring in (False, True):
            axis = sizes.overlapping(length, ring)
            ends = [*axis.starts, length] if ring else axis.starts
            for k, (one, other) in enumerate(pairwise(ends if len(axis.starts) > 1 else [])):
                assert one + axis.sides[k] - other >= sizes.own / 8


@pytest.mark.parametrize("sizes", KINDS, ids=str)
def test_windows_side_by_side_cost_no_more_than_the_canvas_where_it_divides(sizes: WindowSizes):
    for count in (2, 4, 6):  # with which the canvas is a multiple of `step` too
        axis = sizes.adjacent(count * sizes.own)
        assert sum(axis.sides) == axis.length


def test_a_canvas_of_four_times_the_area_is_hardly_more_work_in_windows():
    axis = WindowSizes(512, 64).overlapping(1024)
    assert sum(axis.sides) / axis.length <= math.sqrt(4.6 / 4)
    assert max(axis.sides) / 512 <= math.sqrt(1.3)


@pytest.mark.parametrize("tiles", TILES)
def test_one_window_holds_a_canvas_of_the_own_size(tiles: str):
    for size in ((512, 512), (512, 448), (640, 512)):
        assert divided(tiles, size, (512, 512), 64, False) == tuple(Axis(n, (n,)) for n in size)


def test_auto_leaves_sizes_alone_that_a_model_draws_well():
    """Disco Diffusion's 1280x768 with a network of 512x512; far above, there are windows."""
    assert divided("auto", (1280, 768), (512, 512), 64, False) == (
        Axis(1280, (1280,)),
        Axis(768, (768,)),
    )
    large = (1920, 1088), (512, 512), 64, False
    assert divided("auto", *large) == divided("blend", *large) != divided("off", *large)
