import numpy as np
import pytest
import torch

from guided.animation.camera import Move
from guided.animation.warp import deep, flat, pixels, sampled

SIZE = WIDTH, HEIGHT = 96, 64
MOVES = [
    Move(translation_x=3.3, translation_y=-2.7),
    Move(angle=7),
    Move(zoom=1.1),
    Move(zoom=0.93, angle=-4, translation_x=1.5),
    Move(rotation_3d_x=4, rotation_3d_y=-6, rotation_3d_z=3),
]
SPOTS = [(30.0, 20.0), (60.0, 40.0), (48.0, 32.0), (36.0, 44.0)]


def spot(x, y, width=3.0):
    """Return a picture (1, 1, H, W) of one round spot about (x, y)."""
    grid = pixels(SIZE)[..., :2] - torch.tensor([x, y], dtype=torch.float64)
    return torch.exp(-(grid**2).sum(-1) / (2 * width**2))[None, None].float()


def place(image):
    """Return the centre of brightness of a picture."""
    weight = image[0, 0].double()
    return ((pixels(SIZE)[..., :2] * weight[..., None]).sum((0, 1)) / weight.sum()).numpy()


def mapped(matrix, x, y):
    found = matrix @ np.array([x, y, 1.0])
    return found[:2] / found[2]


@pytest.mark.parametrize("move", MOVES)
@pytest.mark.parametrize("at", SPOTS)
def test_a_spot_goes_where_the_map_says_within_a_twentieth_of_a_pixel(move, at):
    image, lost = flat(spot(*at), move.flat(SIZE), "border")
    back = np.linalg.inv(move.flat(SIZE))  # the scene has a value at every point
    before = pixels(SIZE).numpy() @ back.T
    distance = before[..., :2] / before[..., 2:] - at
    exact = torch.from_numpy(np.exp(-(distance**2).sum(-1) / 18))[None, None]
    assert np.abs(place(image) - place(exact)).max() < 0.05
    assert (image - exact).abs().max() < 0.05
    assert np.abs(place(image) - mapped(move.flat(SIZE), *at)).max() < 0.2
    assert not lost[0, 0, 20:44, 30:66].any()


def test_two_warps_are_one_warp_by_the_product_of_their_maps():
    one, other = MOVES[1].flat(SIZE), MOVES[3].flat(SIZE)
    for at in SPOTS:
        twice, _ = flat(flat(spot(*at), one, "border")[0], other, "border")
        once, _ = flat(spot(*at), other @ one, "border")
        assert np.abs(place(twice) - place(once)).max() < 0.05
        assert (twice - once).abs().max() < 0.05  # what is sampled twice is softer


def test_no_move_changes_nothing():
    image = torch.rand(1, 3, HEIGHT, WIDTH)
    for border in ("wrap", "mirror", "border", "draw"):
        same, lost = flat(image, np.eye(3), border)
        assert (same - image).abs().max() < 1e-4
        assert not lost.any()
    same, lost = deep(image, torch.full((1, 1, HEIGHT, WIDTH), 300.0), Move().deep(SIZE), "draw")
    assert (same - image).abs().max() < 1e-4
    assert not lost.any()


def test_a_closed_path_of_whole_pixels_returns_to_the_first_picture():
    image = first = torch.rand(1, 3, HEIGHT, WIDTH)
    for x, y in [(16, 0), (0, 16), (-16, 0), (0, -16)] * 6:
        image, _ = flat(image, Move(translation_x=x, translation_y=y).flat(SIZE), "wrap")
    assert (image - first).abs().max() < 1 / 255


def test_borders():
    image = torch.arange(WIDTH).float().expand(1, 1, HEIGHT, WIDTH)
    shift = Move(translation_x=10).flat(SIZE)
    row = {name: flat(image, shift, name)[0][0, 0, 0] for name in ("wrap", "mirror", "border")}
    assert row["wrap"][:10].tolist() == pytest.approx(list(range(86, 96)), abs=1e-2)
    assert row["mirror"][:10].tolist() == pytest.approx(list(range(9, -1, -1)), abs=1e-2)
    assert row["border"][:10].tolist() == pytest.approx([0] * 10, abs=1e-2)
    for name in row:
        assert row[name][10:].tolist() == pytest.approx(list(range(86)), abs=1e-2)


def test_what_the_picture_does_not_cover_is_known():
    _, lost = flat(torch.rand(1, 3, HEIGHT, WIDTH), Move(translation_x=10).flat(SIZE), "draw")
    assert lost[0, 0, :, :9].all()
    assert not lost[0, 0, :, 10:].any()
    _, lost = flat(torch.rand(1, 3, HEIGHT, WIDTH), Move(zoom=0.5).flat(SIZE), "draw")
    assert lost.float().mean() == pytest.approx(0.75, abs=0.03)
    assert not lost[0, 0, 17:47, 25:71].any()


def behind(depth):
    return torch.full((1, 1, HEIGHT, WIDTH), float(depth))


CAMERA = [
    Move(translation_z=20),
    Move(translation_x=15, translation_y=-8, translation_z=10),
    Move(rotation_3d_x=3, rotation_3d_y=4, rotation_3d_z=-5),
    Move(translation_x=-12, translation_z=-15, rotation_3d_y=-4, zoom=1.05),
]


@pytest.mark.parametrize("move", CAMERA)
def test_a_plane_of_depth_is_warped_as_the_map_of_a_plane_says(move):
    for at in SPOTS:
        image, lost = deep(spot(*at), behind(300), move.deep(SIZE), "border")
        flatly, uncovered = flat(spot(*at), move.plane(SIZE, 300), "border")
        assert (image - flatly).abs().max() < 1e-3
        assert (lost | ~uncovered).all()
        assert (lost != uncovered).float().mean() < 0.03  # a pixel along the edges


def ramp():
    """Return depths that grow from left to right, as of a wall at a slant."""
    return (pixels(SIZE)[..., 0] * 3 + 200)[None, None]


@pytest.mark.parametrize("move", CAMERA)
@pytest.mark.parametrize("at", SPOTS)
def test_points_of_a_slanted_scene_are_where_the_pinhole_projects_them(move, at):
    depth = ramp()
    lens = move.lens(SIZE)
    point = np.linalg.inv(lens) @ [*at, 1] * (at[0] * 3 + 200)
    seen = move.in_plane(SIZE, False) @ lens @ (move.turned @ point + move.shift)
    image, _ = deep(spot(*at, width=2.0), depth, move.deep(SIZE), "border")
    assert np.abs(place(image) - seen[:2] / seen[2]).max() < 0.5


def test_what_stood_behind_a_near_object_is_uncovered_and_the_object_hides_what_is_behind_it():
    depth = behind(400)
    depth[..., 20:44, 40:56] = 200  # a card before a wall
    image = torch.zeros(1, 1, HEIGHT, WIDTH)
    image[..., 20:44, 40:56] = 1
    move = Move(translation_x=20)
    focal = move.lens(SIZE)[0, 0]
    near, far = focal * 20 / 200, focal * 20 / 400  # pixels that they go to the left
    new, lost = deep(image, depth, move.deep(SIZE), "draw")
    left, right = round(40 - near), round(56 - near)
    assert (new[0, 0, 22:42, left + 1 : right - 1] > 0.9).all()  # the card, nearer to the left
    gap = lost[0, 0, 22:42, right + 1 : round(56 - far) - 1]
    assert gap.numel()
    assert gap.all()  # the wall that the card hid before
    assert not lost[0, 0, 22:42, left + 2 : right - 2].any()
    assert not lost[0, 0, :18, : round(WIDTH - far) - 1].any()  # the wall above it


def test_positions_are_sampled_with_gradients():
    image = torch.rand(1, 3, HEIGHT, WIDTH, requires_grad=True)
    sampled(image, pixels(SIZE)[..., :2], "border").sum().backward()
    assert image.grad is not None
    assert image.grad.sum() == pytest.approx(image.numel(), rel=1e-3)
