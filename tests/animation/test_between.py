"""Frames between drawn ones, against a scene that is projected in closed form."""

import numpy as np
import pytest
import torch

from guided.animation import between, lucas_kanade
from guided.animation.camera import Move
from guided.animation.film import read_film
from guided.animation.settings import Animation
from guided.animation.warp import pixels
from guided.errors import BadInput

SIZE = WIDTH, HEIGHT = 96, 64
INSIDE = (..., slice(10, -10), slice(14, -14))


def scene(matrix=None):
    """Return a picture (1, 3, H, W) of waves that are smooth everywhere, seen through a map of
    pixels, exactly."""
    grid = pixels(SIZE).numpy() @ np.linalg.inv(np.eye(3) if matrix is None else matrix).T
    x, y = torch.from_numpy(grid[..., :2] / grid[..., 2:]).unbind(-1)
    waves = torch.sin(x / 5 + y / 9), torch.sin(x / 8 - y / 6), torch.cos(x / 7) * torch.sin(y / 5)
    return ((torch.stack(waves)[None] + 1) / 2).float()


def film(**settings):
    return read_film(Animation(**settings), 9, 12, 0, SIZE)


def test_frames_are_drawn_at_their_cadence_and_the_last_one_always():
    assert film(cadence=3).drawn == (0, 3, 6, 8)
    assert film(cadence=1).drawn == tuple(range(9))
    assert film(cadence={"hold": "0: (1), 3: (4)"}).drawn == (0, 1, 2, 3, 7, 8)
    assert film(cadence=100).drawn == (0, 8)
    made = film(cadence=3)
    assert [made.neighbours(k) for k in (0, 1, 5, 6, 7)] == [None, (0, 3), (3, 6), None, (6, 8)]
    assert [made.source(k) for k in (1, 3, 6, 8)] == [0, 0, 3, 6]


def test_every_frame_is_made_once_after_those_that_it_is_made_of():
    made = film(cadence=3)
    order = between.order(made.drawn)
    assert order == [0, 3, 1, 2, 6, 4, 5, 8, 7]
    for frame in set(range(9)) - set(made.drawn):
        assert all(order.index(beside) < order.index(frame) for beside in made.neighbours(frame))


@pytest.mark.parametrize(
    "camera",
    [
        {"translation_x": 3, "translation_y": -1.5},
        {"zoom": 1.04},
        {"angle": "t", "zoom": 0.98},
        {"mode": "3d", "translation_z": 6, "rotation_3d_y": 0.7},
    ],
)
def test_frames_between_show_the_scene_where_the_camera_has_it(camera):
    made = film(cadence=4, **camera)
    moved = [np.eye(3)]
    for frame in range(1, 9):
        move = made.move(frame)
        matrix = move.plane(SIZE, 200) if made.settings.mode == "3d" else move.flat(SIZE)
        moved.append(matrix @ moved[-1])
    for frame in (1, 2, 3, 6):
        before, after = made.neighbours(frame)
        found = made.between(scene(moved[before]), scene(moved[after]), frame)[0]
        exact = scene(moved[frame])
        apart = (found - exact)[INSIDE].abs()
        assert apart.max() < 0.01
        faded = (scene(moved[before]) + scene(moved[after])) / 2
        assert (faded - exact)[INSIDE].abs().mean() > 5 * apart.mean()


def test_frames_between_are_seen_from_the_side_that_shows_them():
    made = film(cadence=4, zoom=0.9, border="border")
    moved = [np.linalg.matrix_power(made.move(1).flat(SIZE), k) for k in range(5)]
    found, _ = made.between(scene(), scene(moved[4]), 1)
    rim = torch.ones(1, 3, HEIGHT, WIDTH, dtype=torch.bool)
    rim[..., 4:-4, 6:-6] = False
    assert (found - scene(moved[1]))[rim].abs().mean() < 0.03  # the first frame does not show it


def test_with_depth_the_way_back_is_that_of_the_way_there(tmp_path):
    from PIL import Image

    for k, level in enumerate((90, 90)):
        Image.new("L", SIZE, level).save(tmp_path / f"{k}.png")
    made = film(mode="3d", depth=str(tmp_path), cadence=4, translation_z=5, translation_x=3)
    distance = 1 / (1 / 10_000 + 90 / 255 * (1 / 200 - 1 / 10_000))
    # Unlike those of a plane, the distances of a frame hold until the next drawn one.
    matrix = made.path(0, 4)
    shown = matrix[:3, :3] + np.outer(matrix[:3, 3], [0, 0, 1]) / distance
    middle = made.path(0, 2)
    half = middle[:3, :3] + np.outer(middle[:3, 3], [0, 0, 1]) / distance
    assert made.path(4, 0) @ made.path(0, 4) == pytest.approx(np.eye(4), abs=1e-9)
    apart, _ = made.distances(scene(), 0, None)
    there, lost = made.seen(scene(), 0, 2, apart)
    assert (there - scene(half))[INSIDE].abs().mean() < 0.004
    assert not lost[INSIDE].any()
    assert (made.seen(scene(), 0, 4, apart)[0] - scene(shown))[INSIDE].abs().mean() < 0.004


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_what_moves_by_itself_meets_on_the_way_along_the_flow(share):
    first, last = scene(), scene(Move(translation_x=4, translation_y=2).flat(SIZE))
    exact = scene(Move(translation_x=4 * share, translation_y=2 * share).flat(SIZE))
    one, other = between.along(first, last, share, lucas_kanade.flow)
    nothing = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    found = between.blended(one, other, (nothing, nothing), share)
    faded = between.blended(first, last, (nothing, nothing), share)
    assert (found - exact)[INSIDE].abs().mean() < 0.002
    assert (faded - exact)[INSIDE].abs().mean() > 0.01


def test_a_blend_weighs_by_the_way_and_leaves_out_what_is_not_shown():
    black, white = torch.zeros(1, 3, 1, 4), torch.ones(1, 3, 1, 4)
    lost = torch.tensor([[[[0, 1, 0, 1]]]]).bool(), torch.tensor([[[[0, 0, 1, 1]]]]).bool()
    found = between.blended(black, white, lost, 0.25)[0, 0, 0]
    assert found.tolist() == pytest.approx([0.25, 1, 0, 0.25])


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75])
def test_the_edge_of_what_a_frame_shows_is_no_line(share):
    dark, bright = torch.full((1, 3, 64, 96), 0.2), torch.full((1, 3, 64, 96), 0.8)
    whole, box = torch.zeros(2, 1, 1, 64, 96, dtype=torch.bool)
    box[...] = True
    box[..., 12:52, 12:84] = False  # of the second frame, as a camera that goes nearer sees it
    found = between.blended(dark, bright, (whole, box), share)
    assert found[..., :12, :].eq(0.2).all()
    assert found[0, 0, 32, 48].item() == pytest.approx(0.2 + 0.6 * share)
    for way in (2, 3):  # the way of the whole change, in eight pixels
        assert found.diff(dim=way).abs().max().item() == pytest.approx(0.6 * share / 8, abs=1e-5)


def test_the_edge_of_the_picture_is_none_of_what_a_frame_shows():
    nothing = torch.zeros(1, 1, 16, 24, dtype=torch.bool)
    assert between.faded(nothing).eq(1).all()
    assert between.faded(~nothing).eq(0).all()
    nothing[..., 0] = True
    assert between.faded(nothing)[0, 0, 5, :4].tolist() == [0, 0.5, 1, 1]


def test_a_frame_between_needs_both_pictures_beside_it(tmp_path):
    from PIL import Image

    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    with pytest.raises(BadInput, match="is between drawn frames, and needs the one after it"):
        film(cadence=4, frame=2, before=str(tmp_path / "a.png"))
    assert film(cadence=2, frame=2, before=str(tmp_path / "a.png")).neighbours(2) is None
