import numpy as np
import pytest
import torch

from guided.animation.camera import Move
from guided.animation.lucas_kanade import flow
from guided.animation.warp import consistent, flat, moved, pixels

SIZE = WIDTH, HEIGHT = 96, 64


def texture(seed=0):
    """Return a picture of blots of several sizes."""
    dice = torch.Generator().manual_seed(seed)
    layers = [
        torch.nn.functional.interpolate(
            torch.rand(1, 3, rows, rows * 3 // 2, generator=dice), (HEIGHT, WIDTH), mode="bicubic"
        )
        for rows in (6, 12, 24)
    ]
    return torch.stack(layers).mean(0).clamp(0, 1)


@pytest.mark.parametrize(
    "move",
    [
        Move(translation_x=3.5, translation_y=-2),
        Move(translation_x=-7),
        Move(zoom=1.06),
        Move(angle=3),
    ],
)
def test_flow_is_that_of_the_camera_within_half_a_pixel(move):
    before = texture()
    after, _ = flat(before, move.flat(SIZE), "border")
    grid = pixels(SIZE).numpy()
    source = grid @ np.linalg.inv(move.flat(SIZE)).T
    exact = source[..., :2] / source[..., 2:] - grid[..., :2]
    apart = np.linalg.norm(flow(before, after).numpy() - exact, axis=-1)[10:-10, 12:-12]
    assert np.median(apart) < 0.2
    assert (apart < 0.5).mean() > 0.95


def test_no_motion_has_no_flow():
    image = texture()
    assert flow(image, image).abs().max() < 0.01
    plain = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
    assert flow(plain, plain).abs().max() < 1e-6


def test_the_picture_before_is_moved_onto_the_one_after():
    before = texture()
    after, _ = flat(before, Move(translation_x=4, translation_y=3).flat(SIZE), "border")
    found = moved(before, flow(before, after))
    inside = (found - after).abs()[..., 8:-8, 8:-8]
    assert inside.mean() < 0.01
    assert (before - after).abs()[..., 8:-8, 8:-8].mean() > 0.05


def test_what_an_object_hid_or_uncovered_is_not_consistent():
    ground, card = texture(), texture(5)
    before, after = ground.clone(), ground.clone()
    before[..., 20:44, 30:54] = card[..., 20:44, 30:54]
    after[..., 20:44, 36:60] = card[..., 20:44, 30:54]  # six pixels to the right
    mask = consistent(flow(before, after), flow(after, before))[0, 0]
    assert mask[:14].float().mean() > 0.95  # far from the card
    assert mask[26:38, 42:54].float().mean() > 0.8  # on the card
    assert mask[22:42, 30:36].float().mean() < 0.7  # the ground that it hid before
