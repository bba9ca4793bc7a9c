import numpy as np
import pytest
import torch
from PIL import Image

from guided.animation.depth import read_depth
from guided.animation.keyframes import Timing
from guided.animation.settings import Animation
from guided.errors import BadInput

FILM = Timing(frames=9, fps=12, size=(8, 6))


def test_white_is_near_and_black_is_far(tmp_path):
    levels = np.zeros((6, 8), np.uint8)
    levels[:, 4:] = 255
    Image.fromarray(levels).save(tmp_path / "0001.png")
    depth = read_depth(Animation(mode="3d", depth=str(tmp_path)), FILM)
    found = depth.at(torch.zeros(1, 3, 6, 8), 0)
    assert found.shape == (1, 1, 6, 8)
    assert found[0, 0, 0, 0] == pytest.approx(10_000, rel=1e-4)
    assert found[0, 0, 0, 7] == pytest.approx(200, rel=1e-4)


def test_between_them_the_inverse_distance_is_linear(tmp_path):
    Image.new("L", (8, 6), 51).save(tmp_path / "0001.png")  # a fifth
    animation = Animation(mode="3d", depth=str(tmp_path), near=100, far=1000)
    found = read_depth(animation, FILM).at(torch.zeros(1, 3, 12, 16), 0)
    assert found.shape == (1, 1, 12, 16)
    assert found.mean() == pytest.approx(1 / (0.2 / 100 + 0.8 / 1000), rel=1e-4)


def test_each_frame_has_its_map_and_the_last_one_holds(tmp_path):
    for number, level in enumerate((0, 255)):
        Image.new("L", (8, 6), level).save(tmp_path / f"{number}.png")
    depth = read_depth(Animation(mode="3d", depth=str(tmp_path)), FILM)
    image = torch.zeros(1, 3, 6, 8)
    means = [depth.at(image, frame).mean().item() for frame in (0, 1, 6)]
    assert means == pytest.approx([10_000, 200, 200], rel=1e-4)


def test_a_plane_needs_no_maps_and_a_folder_must_have_some(tmp_path):
    assert read_depth(Animation(mode="3d"), FILM) is None
    assert read_depth(Animation(), FILM) is None
    with pytest.raises(BadInput, match="has no depth maps"):
        read_depth(Animation(mode="3d", depth=str(tmp_path)), FILM)
    with pytest.raises(BadInput, match="the folder"):
        read_depth(Animation(mode="3d", depth=str(tmp_path / "maps")), FILM)
