import math

import numpy as np
import pytest
import torch

from guided.animation import noise as noises
from guided.animation.camera import Move, translation

SIZE = (160, 128)


def white(seed=0, size=SIZE):
    return torch.randn(1, 3, size[1], size[0], generator=torch.Generator().manual_seed(seed))


def moved(noise, mapped, seed=1, wraps=False):
    return noises.moved(noise, mapped, wraps, torch.Generator().manual_seed(seed))


def correlation(one, other):
    return float((one * other).mean() / (one.square().mean() * other.square().mean()).sqrt())


@pytest.mark.parametrize(
    "move",
    [
        Move(translation_x=0.3, translation_y=-0.45),
        Move(zoom=1.02, angle=1.3),
        Move(zoom=0.97, translation_x=2.6),
        Move(rotation_3d_y=1.5, rotation_3d_x=-0.7),
    ],
)
def test_noise_that_moved_ten_times_is_gaussian_and_white(move):
    """Mean, variance, kurtosis and the covariance of neighbours and channels are those of white
    noise, within five standard deviations of their estimates."""
    found = white()
    for frame in range(10):
        found = moved(found, move.flat(SIZE), frame)
    apart = 5 / math.sqrt(found.numel())
    assert abs(found.mean()) < apart
    assert abs(found.var() - 1) < apart * math.sqrt(2)
    assert abs(found.pow(4).mean() - 3) < apart * math.sqrt(96)
    for down, across in ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0)):
        other = found.roll((down, across), (2, 3))
        assert abs((found * other)[..., 2:, 2:].mean()) < 1.1 * apart
    assert abs((found[:, 0] * found[:, 1]).mean()) < apart * math.sqrt(3)


def test_a_move_by_whole_pixels_moves_the_noise_as_it_is():
    before = white()
    found = moved(before, translation(3, -2))
    assert torch.allclose(found[..., :-2, 3:], before[..., 2:, :-3], atol=1e-5)
    assert abs(correlation(found[..., :3], before[..., :3])) < 0.1
    around = moved(before, translation(3, -2), wraps=True)
    assert torch.allclose(around, before.roll((-2, 3), (2, 3)), atol=1e-5)


@pytest.mark.parametrize(
    ("mapped", "expected"),
    [
        (translation(0.25, 0), 0.75),  # the share of a pixel that stays in it
        (translation(0.5, 0.5), 0.25),
        (np.diag([2.0, 2.0, 1.0]), 0.5),  # a quarter of its parts, over the root of their number
        (np.diag([0.5, 0.5, 1.0]), 0.5),
    ],
)
def test_noise_is_like_what_it_was_as_far_as_areas_are_shared(mapped, expected):
    before = white()
    after = moved(before, mapped)
    zoom = mapped[0, 0]
    if zoom == 2:
        before = before.repeat_interleave(2, 2).repeat_interleave(2, 3)[..., :128, :160]
    if zoom == 0.5:
        after, before = after[..., :64, :80], before[..., ::2, ::2]
    assert correlation(after, before) == pytest.approx(expected, abs=0.02)


def test_moves_of_less_than_a_part_add_up():
    """After twenty moves by a twentieth of a pixel, most is a pixel further and none elsewhere."""
    before = found = white()
    for frame in range(20):
        found = moved(found, translation(0.05, 0), frame)
    shifted = [correlation(found[..., 8:-8], before.roll(k, 3)[..., 8:-8]) for k in range(-2, 5)]
    assert int(np.argmax(shifted)) == 3
    assert np.dot(shifted, np.arange(-2, 5)) / np.sum(shifted) == pytest.approx(1, abs=0.1)


def test_the_parts_of_a_pixel_sum_to_its_noise_and_are_independent():
    before = white(size=(200, 200))
    parts = noises.split(before[0], torch.Generator().manual_seed(4))
    sums = parts.sum((2, 4)) / noises.SIDE
    assert torch.allclose(sums, before[0], atol=1e-5)
    assert float(parts.var()) == pytest.approx(1, abs=0.005)
    inside = (parts[:, :, 0] * parts[:, :, 1]).mean(), (parts[..., 0] * parts[..., 3]).mean()
    assert all(abs(one) < 0.005 for one in inside)
