"""Timing and sizes of films."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from guided.outputs.film import GIF_UNIT, Film, crf, even


@given(st.floats(1, 50), st.floats(0, 10), st.integers(1, 200), st.sampled_from([1, GIF_UNIT]))
def test_rounding_errors_of_durations_do_not_add_up(fps, hold, count, unit):
    durations = Film("gif", fps, hold, 85).durations(count, unit)
    assert len(durations) == count
    assert all(duration % unit == 0 and duration >= 0 for duration in durations)
    for k in range(1, count):
        assert abs(sum(durations[:k]) - k * 1000 / fps) <= unit / 2 + 1e-6
    assert abs(sum(durations) - (count / fps + hold) * 1000) <= unit + 1e-6


@pytest.mark.parametrize(("quality", "expected"), [(1, 51), (85, 18), (100, 12)])
def test_quality_is_a_rate_factor(quality, expected):
    assert crf(quality) == expected


def test_odd_sides_repeat_their_last_row_and_column():
    image = Image.new("RGB", (3, 5))
    image.putdata([(x * 10, y * 10, 0) for y in range(5) for x in range(3)])
    larger = even(image)
    assert larger.size == (4, 6)
    for y in range(6):
        for x in range(4):
            assert larger.getpixel((x, y)) == image.getpixel((min(x, 2), min(y, 4)))
    assert even(larger) is larger
