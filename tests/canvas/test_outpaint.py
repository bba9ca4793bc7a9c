"""A canvas larger than its picture: how large, where the picture lies, and what is around it."""

import pytest
import torch

from guided.canvas.outpaint import Outpaint, read_outpaint
from guided.errors import BadInput

LARGEST = 96


def nearest(side: int) -> int:
    """Multiples of 8, up to LARGEST."""
    return min(max(round(side / 8), 1) * 8, LARGEST)


def read(value, size=(32, 24), has_init=True):
    return read_outpaint(value, size, has_init, nearest)


def test_pixels_and_shares_of_either_side():
    assert read([8, 0, 16, 8]) == Outpaint((32, 24), (8, 0, 16, 8))
    assert read([0, 0, "100%", 0]).size == (64, 24)
    assert read(["25%", "0%", 8, "100%"]).sides == (8, 0, 8, 24)
    assert read(8).sides == read([8] * 4).sides == (8, 8, 8, 8)
    assert read("50%").size == (64, 48)
    assert read(None) is None


@pytest.mark.parametrize(
    "asked, sides",
    [
        ([0, 0, 9, 0], (0, 0, 8, 0)),
        ([0, 0, 1, 0], (0, 0, 8, 0)),  # not nothing
        ([3, 0, 3, 0], (4, 0, 4, 0)),
        ([1, 0, 3, 0], (2, 0, 6, 0)),
        ([0, 5, 0, 0], (0, 8, 0, 0)),
    ],
)
def test_the_canvas_is_rounded_to_one_that_can_be_drawn_and_that_is_told(asked, sides, caplog):
    around = read(asked)
    assert around.sides == sides
    assert all(nearest(side) == side for side in around.size)
    assert "is drawn as" in caplog.text


def test_the_picture_lies_on_the_canvas_unchanged_and_the_mask_is_black_there():
    around = Outpaint((5, 3), (2, 1, 4, 0))
    image = torch.rand(1, 3, 3, 5)
    canvas = around.filled(image)
    assert canvas.shape == (1, 3, 4, 11)
    assert torch.equal(canvas[:, :, 1:, 2:7], image)
    mask = around.mask()
    assert mask.size == (11, 4)
    black = {(x, y) for x in range(11) for y in range(4) if mask.getpixel((x, y)) == 0}
    assert black == {(x, y) for x in range(2, 7) for y in range(1, 4)}


def test_around_the_picture_is_its_mirror_image_blurred():
    """Next to an edge are the colours of the edge, however far the canvas reaches."""
    image = torch.zeros(1, 3, 16, 16)
    image[:, 0, :, :8] = 1  # red on the left
    canvas = Outpaint((16, 16), (40, 0, 40, 0)).filled(image)[0, 0]
    assert canvas[:, 36:40].min() > 0.7 and canvas[:, 56:60].max() < 0.3
    assert canvas.min() >= 0 and canvas.max() <= 1


@pytest.mark.parametrize(
    "value",
    [
        [8, 8],
        [8] * 5,
        [-8, 0, 0, 0],
        ["x", 0, 0, 0],
        [1.5, 0, 0, 0],
        "far",
        True,
        ["-5%", 0, 0, 0],
    ],
)
def test_other_values_are_refused_by_name(value):
    with pytest.raises(BadInput, match=r"outpaint=.* must be \[left,top,right,bottom\]"):
        read(value)


def test_nothing_without_a_picture_and_nothing_too_large():
    with pytest.raises(BadInput, match="outpaint=8 needs a picture"):
        read(8, has_init=False)
    with pytest.raises(BadInput, match="adds nothing"):
        read([0, "0%", 0, 0])
    with pytest.raises(BadInput, match=r"a side of 3232 pixels; the longest .* has 96"):
        read([0, 0, "10000%", 0])
