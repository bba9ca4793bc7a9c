import math

import numpy as np
import pytest

from guided.animation.camera import Move, path

SIZE = (96, 64)


def moved(matrix, x, y):
    """Return where a map takes a pixel."""
    found = matrix @ np.array([x, y, 1.0])
    return found[:2] / found[2]


def test_in_two_dimensions_the_picture_is_shifted_then_turned_and_enlarged_about_its_middle():
    assert moved(Move(translation_x=5, translation_y=-3).flat(SIZE), 10, 20) == pytest.approx(
        (15, 17)
    )
    assert moved(Move(zoom=2).flat(SIZE), 48 + 7, 32 - 4) == pytest.approx((48 + 14, 32 - 8))
    # Anticlockwise, on a screen whose y goes down: from the right of the middle to above it.
    assert moved(Move(angle=90).flat(SIZE), 48 + 10, 32) == pytest.approx((48, 32 - 10))
    both = Move(angle=90, zoom=2, translation_x=10).flat(SIZE)
    assert moved(both, 48, 32) == pytest.approx((48, 32 - 20))


@pytest.mark.parametrize(
    ("move", "where"),
    [  # Where the middle of the picture goes: against the camera.
        (Move(rotation_3d_y=5), (-1, 0)),  # to the right
        (Move(rotation_3d_x=5), (0, 1)),  # upwards
        (Move(translation_x=20), (-1, 0)),  # to the right
        (Move(translation_y=20), (0, 1)),  # upwards
    ],
)
def test_the_camera_moves_and_turns_right_and_up(move, where):
    x, y = moved(move.plane(SIZE, 200), 48, 32)
    assert (np.sign(round(x - 48, 6)), np.sign(round(y - 32, 6))) == where


def test_angles_and_distances_are_those_of_a_pinhole():
    focal = 32 / math.tan(math.radians(20))
    x, y = moved(Move(rotation_3d_y=7).plane(SIZE, 200), 48, 32)
    assert (48 - x, y) == pytest.approx((focal * math.tan(math.radians(7)), 32))
    x, y = moved(Move(translation_x=10).plane(SIZE, 200), 48, 32)
    assert (48 - x, y) == pytest.approx((focal * 10 / 200, 32))
    # A tenth nearer: everything is 10/9 as far from the middle.
    assert moved(Move(translation_z=20).plane(SIZE, 200), 57, 32)[0] == pytest.approx(58)
    # Clockwise: what was right of the middle, the turned camera has above it.
    assert moved(Move(rotation_3d_z=90).plane(SIZE, 200), 58, 32) == pytest.approx((48, 22))
    # At the edge of the field of view, wherever the size of the picture.
    assert moved(Move(rotation_3d_x=20, fov=40).plane(SIZE, 200), 48, 32)[1] == pytest.approx(64)


def test_moves_one_after_the_other_are_the_product_of_their_maps():
    moves = [Move(angle=3, zoom=1.02, translation_x=2), Move(rotation_3d_y=4, translation_y=-1)]
    at = (20.0, 41.0)
    for move in moves:
        at = tuple(moved(move.flat(SIZE), *at))
    both = moves[1].flat(SIZE) @ moves[0].flat(SIZE)
    assert moved(both, 20, 41) == pytest.approx(at)


def test_a_closed_path_comes_back():
    there = [Move(rotation_3d_y=15)] * 24  # a full turn on the spot
    place, axes = path(there)[-1]
    np.testing.assert_allclose(place, 0, atol=1e-12)
    np.testing.assert_allclose(axes, np.eye(3), atol=1e-12)
    # A circle: forward and to the right, over and over.
    place, axes = path([Move(translation_z=10, rotation_3d_y=15)] * 24)[-1]
    np.testing.assert_allclose(place, 0, atol=1e-9)
    np.testing.assert_allclose(axes, np.eye(3), atol=1e-12)


def test_the_path_is_in_the_axes_of_the_first_frame():
    place, axes = path([Move(translation_z=10)] * 3)[-1]
    np.testing.assert_allclose(place, [0, 0, 30])
    place, _ = path([Move(translation_x=1, translation_y=2)])[-1]
    np.testing.assert_allclose(place, [1, -2, 0])  # right and, as y goes down, up
    place, axes = path([Move(rotation_3d_y=90), Move(translation_z=10)])[-1]
    np.testing.assert_allclose(place, [10, 0, 0], atol=1e-12)  # it looks to the right
    np.testing.assert_allclose(axes[:, 2], [1, 0, 0], atol=1e-12)


def test_nothing_moves_by_default():
    assert Move(fov=70).still
    assert not Move(zoom=1.01).still
    np.testing.assert_allclose(Move().flat(SIZE), np.eye(3), atol=1e-12)
    np.testing.assert_allclose(Move().plane(SIZE, 200), np.eye(3), atol=1e-12)
