"""The sizes that generators draw, and those at which pictures fall apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guided.generators.sizes import LARGEST, Sizes


@given(step=st.integers(1, 600), side=st.integers(-100, 20_000))
def test_the_nearest_side_is_the_nearest_multiple_that_can_be_drawn(step, side):
    """By looking at all of them. Of two that are equally near, either."""
    found = Sizes(step, (step, step)).nearest(side)
    drawable = range(step, LARGEST + 1, step)
    assert found in drawable
    assert abs(found - side) == min(abs(one - side) for one in drawable)


@pytest.mark.parametrize(
    ("size", "drawn", "times"),
    [
        ((512, 512), [32, 32], 16),
        ((768, 512), [48, 32], 16),
        ((96, 96), [32, 32], 3),
        ((128, 64), [40, 24], 3),  # 42.7 and 21.3, of multiples of 8
        ((1152, 896), [72, 56], 16),
        ((2048, 2048), [64, 64], 16),  # no output enlarges more
        ((4000, 1000), [128, 32], 16),
    ],
)
def test_a_size_far_above_is_made_by_enlarging(size, drawn, times):
    """The nearest multiple of 8 of the size divided by the factor, or twice the sides."""
    sizes = Sizes(8, (32, 32), (32, 32))
    assert sizes.is_far_above(size) == (size[0] * size[1] > 4 * 32 * 32)
    assert sizes.enlarged(size) == (drawn, times)
    assert not sizes.is_far_above(tuple(drawn))


@given(
    step=st.sampled_from([8, 32, 64]),
    default=st.sampled_from([(32, 32), (512, 512), (1280, 768)]),
    ratio=st.floats(1 / 3, 3),
)
def test_a_size_of_a_given_shape_is_drawable_and_near(step, default, ratio):
    sizes = Sizes(min(step, default[0] // 4), default)
    width, height = sizes.shaped((ratio, 1.0))
    assert (width, height) == (sizes.nearest(width), sizes.nearest(height))
    assert 0.4 < width * height / (default[0] * default[1]) < 2.1
    # Each side is off by half a step at most, of at least two steps.
    assert 0.6 < width / height / ratio < 1.7


@pytest.mark.parametrize("side", [32, 64, 256, 512])
def test_only_small_models_draw_noise_above_five_times_their_sides(side):
    sizes = Sizes(8, (side, side), (side, side))
    assert not sizes.is_noise((5 * side, 5 * side))
    assert sizes.is_noise((5 * side, 5 * side + 8)) is (side <= 64)
    assert not Sizes(8, (side, side)).is_noise((8192, 8192))


def test_up_to_twice_the_sides_no_size_is_far_above():
    assert not Sizes(8, (32, 32), (32, 32)).is_far_above((64, 64))
    assert not Sizes(8, (32, 32)).is_far_above((8192, 8192))


@given(side=st.integers(-100, 20_000), step=st.sampled_from([1, 16]))
def test_a_shortest_and_a_longest_side_bound_the_nearest(side, step):
    found = Sizes(step, (256, 256), least=256, most=512).nearest(side)
    drawable = range(256, 513, step)
    assert abs(found - side) == min(abs(one - side) for one in drawable)


@pytest.mark.parametrize("size", [(2048, 600), (4000, 256), (1024, 1024)])
def test_an_enlarged_size_is_one_that_can_be_drawn(size):
    sizes = Sizes(1, (256, 256), (256, 256), windowed=True, least=256)
    drawn, times = sizes.enlarged(size)
    assert min(drawn) >= 256 and 1 < times <= 16
