"""What a picture tells of the one to be drawn: its grey values, averages and coarse colours."""

import pytest
import torch
from PIL import Image

from guided.canvas.init import Photo
from guided.canvas.known import Composition, GreyPhoto, Thumbnail
from guided.images import tensor

SIZE = (12, 8)  # width, height


def noisy(width: int, height: int) -> Image.Image:
    levels = torch.randint(256, (height, width, 3), generator=torch.Generator().manual_seed(4))
    return Image.fromarray(levels.byte().numpy())


def test_a_grey_photo_leaves_the_colours_free():
    photo = Photo(noisy(*SIZE), "cover")
    constraint = GreyPhoto(photo).constraint(SIZE)
    known = photo.image(SIZE, 0) * 2 - 1
    tinted = constraint(torch.zeros(1, 3, 8, 12) + torch.tensor([0.5, 0, -0.5]).view(3, 1, 1), 0)
    torch.testing.assert_close(tinted.mean(1), known.mean(1))
    torch.testing.assert_close(tinted[:, 0] - tinted[:, 2], torch.ones(1, 8, 12))


def test_a_thumbnail_that_was_made_of_the_canvas_is_already_agreed_with():
    """Reduced by Pillow with the same kernel, to its 8 bits."""
    whole = noisy(*SIZE)
    small = whole.resize((6, 4), Image.Resampling.BILINEAR)
    image = tensor(whole) * 2 - 1
    corrected = Thumbnail(Photo(small, "cover")).constraint(SIZE)(image, 0)
    assert (corrected - image).abs().max() < 0.03
    assert (Thumbnail(Photo(small, "cover")).constraint(SIZE)(-image, 0) + image).abs().max() > 0.5


@pytest.mark.parametrize(
    "own, fit, used",
    [((6, 4), "cover", (6, 4)), ((6, 6), "cover", (6, 4)), ((9, 4), "cover", (6, 4)),
     ((6, 6), "stretch", (6, 6)), ((1, 1), "cover", (1, 1))],
)  # fmt: skip
def test_of_a_thumbnail_the_part_of_the_canvass_shape_is_used(own, fit, used):
    known = Thumbnail(Photo(noisy(*own), fit))
    assert known.size(SIZE) == used
    assert known.constraint(SIZE).value.shape == (1, 3, used[1], used[0])


def test_a_composition_keeps_coarse_colours_for_a_while_and_details_stay_free():
    photo = Photo(Image.new("RGB", (5, 5), "#ff0000"), "cover")
    constraint = Composition(photo, 2, 0.5).constraint(SIZE)
    assert constraint.value.shape == (1, 3, 2, 3)
    checked = torch.zeros(1, 3, 8, 12)
    checked[..., ::2], checked[..., 1::2] = 0.2, -0.2
    kept = constraint(checked, 0.5)
    torch.testing.assert_close(kept.mean((0, 2, 3)), torch.tensor([1.0, -1, -1]), atol=0.1, rtol=0)
    assert (kept[..., ::2] - kept[..., 1::2]).mean() == pytest.approx(0.4, abs=0.1)
    assert torch.equal(constraint(checked, 0.6), checked)
