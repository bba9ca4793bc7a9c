import numpy as np
import pytest
import torch
from PIL import Image

from guided.animation.depth import Remembered, followed, read_depth
from guided.animation.settings import Animation
from guided.errors import BadInput


def test_white_is_near_and_black_is_far(tmp_path):
    levels = np.zeros((6, 8), np.uint8)
    levels[:, 4:] = 255
    Image.fromarray(levels).save(tmp_path / "0001.png")
    depth = read_depth(Animation(mode="3d", depth=str(tmp_path)))
    found = depth.at(torch.zeros(1, 3, 6, 8), 0, None, None)[0]
    assert found.shape == (1, 1, 6, 8)
    assert found[0, 0, 0, 0] == pytest.approx(10_000, rel=1e-4)
    assert found[0, 0, 0, 7] == pytest.approx(200, rel=1e-4)


def test_between_them_the_inverse_distance_is_linear(tmp_path):
    Image.new("L", (8, 6), 51).save(tmp_path / "0001.png")  # a fifth
    animation = Animation(mode="3d", depth=str(tmp_path), near=100, far=1000)
    found = read_depth(animation).at(torch.zeros(1, 3, 12, 16), 0, None, None)[0]
    assert found.shape == (1, 1, 12, 16)
    assert found.mean() == pytest.approx(1 / (0.2 / 100 + 0.8 / 1000), rel=1e-4)


def test_each_frame_has_its_map_and_the_last_one_holds(tmp_path):
    for number, level in enumerate((0, 255)):
        Image.new("L", (8, 6), level).save(tmp_path / f"{number}.png")
    depth = read_depth(Animation(mode="3d", depth=str(tmp_path)))
    image = torch.zeros(1, 3, 6, 8)
    means = [depth.at(image, frame, None, None)[0].mean().item() for frame in (0, 1, 6)]
    assert means == pytest.approx([10_000, 200, 200], rel=1e-4)


def test_a_plane_needs_no_maps_and_a_folder_must_have_some(tmp_path):
    assert read_depth(Animation(mode="3d")) is None
    assert read_depth(Animation()) is None
    with pytest.raises(BadInput, match="has no depth maps"):
        read_depth(Animation(mode="3d", depth=str(tmp_path)))
    with pytest.raises(BadInput, match="the folder"):
        read_depth(Animation(mode="3d", depth=str(tmp_path / "maps")))


def test_the_range_of_estimates_follows_their_percentiles_slowly():
    estimates = torch.arange(1001).float().view(1, 1, 1, -1)
    assert followed(None, estimates) == pytest.approx([20, 980])
    assert followed([120, 880], estimates) == pytest.approx([110, 890])
    outliers = torch.cat([estimates, torch.full((1, 1, 1, 5), 1e6)], 3)
    assert followed(None, outliers) == pytest.approx([20, 980], rel=0.01)


def test_estimates_have_the_distances_of_their_range():
    found = torch.linspace(0, 10, 101).view(1, 1, 1, 101)
    depth = read_depth(Animation(mode="3d", depth="depth_anything", near=100, far=1000))
    image = torch.zeros(1, 3, 1, 101)
    apart, both = depth.at(image, 0, [2.0, 8.0], lambda _: found)
    low, high = both
    assert both == pytest.approx([0.9 * 2 + 0.1 * 0.2, 0.9 * 8 + 0.1 * 9.8])
    assert apart[0, 0, 0, 0] == pytest.approx(1000)  # below the range, and above it
    assert apart[0, 0, 0, 100] == pytest.approx(100)
    share = (5 - low) / (high - low)
    assert apart[0, 0, 0, 50] == pytest.approx(1 / (share / 100 + (1 - share) / 1000), rel=1e-4)


def test_equal_estimates_have_finite_distances():
    depth = read_depth(Animation(mode="3d", depth="depth_anything"))
    image = torch.ones(1, 3, 8, 8)
    assert depth.at(image, 0, None, lambda image: image[:, :1])[0].isfinite().all()


def test_a_picture_among_the_last_is_estimated_once():
    asked = []

    def nearness(image):
        asked.append(image[0, 0, 0, 0].item())
        return image[:, :1] * 2

    network, pictures = (
        Remembered(nearness),
        torch.arange(5.0).view(5, 1, 1, 1, 1).expand(5, 1, 3, 4, 6),
    )
    for k in (0, 1, 0, 2, 1, 0, 3, 0, 4, 1):
        assert network(pictures[k]).equal(pictures[k][:, :1] * 2)
    assert asked == [0, 1, 2, 3, 4, 1]  # the three that were asked for last are kept
