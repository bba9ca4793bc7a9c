"""Both eyes against the closed form of two pinholes."""

import math

import numpy as np
import pytest
import torch
from PIL import Image

from guided.animation.film import read_film
from guided.animation.settings import Animation
from guided.animation.stereo import eyes, joined

SIZE = WIDTH, HEIGHT = 96, 64


def place(image):
    """Return the centre of brightness (x, y) of a picture (1, C, H, W)."""
    weights = image.double().mean((0, 1))
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    centre = [((grid + 0.5) * weights).sum() / weights.sum() for grid in (columns, rows)]
    return np.array(centre)


@pytest.mark.parametrize("angle", [0, 1.5])
@pytest.mark.parametrize("level", [30, 200])
def test_a_point_is_where_each_eye_has_it(tmp_path, level, angle):
    Image.new("L", SIZE, level).save(tmp_path / "0.png")
    depth = {"mode": "3d", "depth": str(tmp_path), "stereo": "side_by_side"}
    made = read_film(Animation(**depth, eye_distance=20, eye_angle=angle), 1, 12, 0, SIZE)
    image = torch.zeros(1, 3, HEIGHT, WIDTH)
    x, y = 52, 30
    image[..., y - 2 : y + 2, x - 2 : x + 2] = 1
    z = 1 / (1 / 10_000 + level / 255 * (1 / 200 - 1 / 10_000))
    focal = HEIGHT / 2 / math.tan(math.radians(20))
    point = np.array([(x - WIDTH / 2) / focal * z, (y - HEIGHT / 2) / focal * z, z])
    turn = math.radians(angle)
    for side, seen in zip((-1, 1), made.eyes(image, 0, None), strict=True):
        # Turned towards the middle, then moved to the side of where it looks.
        right = point[0] * math.cos(turn) + side * z * math.sin(turn) - side * 10 * math.cos(turn)
        ahead = z * math.cos(turn) - side * point[0] * math.sin(turn)
        expected = right / ahead * focal + WIDTH / 2, point[1] / ahead * focal + HEIGHT / 2
        assert place(seen) == pytest.approx(expected, abs=0.1)


def test_eyes_meet_where_their_lines_of_sight_cross():
    left, right = eyes(10, 2, 40)
    assert (left.translation_x, right.translation_x) == pytest.approx((-4.997, 4.997), abs=1e-3)
    distance = 5 / math.tan(math.radians(2))
    at = [move.plane(SIZE, distance) @ [WIDTH / 2, HEIGHT / 2, 1] for move in (left, right)]
    assert at[0][:2] / at[0][2] == pytest.approx([WIDTH / 2, HEIGHT / 2])
    assert at[1][:2] / at[1][2] == pytest.approx([WIDTH / 2, HEIGHT / 2])


def test_the_left_eye_is_on_the_left_or_above():
    left, right = Image.new("RGB", (4, 3), "red"), Image.new("RGB", (4, 3), "blue")
    beside, under = joined(left, right, "side_by_side"), joined(left, right, "over_under")
    assert (beside.size, under.size) == ((8, 3), (4, 6))
    assert beside.getpixel((3, 0)) == under.getpixel((0, 2)) == (255, 0, 0)
    assert beside.getpixel((4, 0)) == under.getpixel((0, 3)) == (0, 0, 255)
