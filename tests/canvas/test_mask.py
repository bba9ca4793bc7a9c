"""What a mask draws anew: from pictures, boxes and transparency, widened and blurred."""

import pytest
import torch
from PIL import Image

from guided.canvas.init import Perlin, Photo
from guided.canvas.mask import Mask, read_mask
from guided.canvas.mask_settings import MaskSettings
from guided.canvas.outpaint import Outpaint
from guided.errors import BadInput

SIZE = (16, 12)  # width, height
PHOTO = Photo(Image.new("RGB", SIZE, "red"), "cover", "photo.png")


def mask_of(area, *, init=PHOTO, size=SIZE, fit="cover", added=None, **settings):
    mask = read_mask(MaskSettings(area, **settings), init, fit, size, added)
    assert mask is not None
    return mask


def drawn(mask: Mask) -> torch.Tensor:
    return mask.tensor()[0, 0]


def saved(path, levels, size=SIZE):
    """A grey picture with these levels in equal columns."""
    picture = Image.new("L", (len(levels), 1))
    picture.putdata(levels)
    picture.resize(size, Image.Resampling.NEAREST).save(path)
    return str(path)


def test_without_a_mask_there_is_none():
    assert read_mask(MaskSettings(), PHOTO, "cover", SIZE, None) is None
    assert read_mask(MaskSettings(), None, "cover", SIZE, None) is None


def test_white_is_drawn_anew_black_is_kept_and_grey_is_a_share(tmp_path):
    path = saved(tmp_path / "mask.png", [0, 128, 255, 255])
    mask = drawn(mask_of(path))
    assert (mask[:, :4] == 0).all() and (mask[:, 8:] == 1).all()
    assert (mask[:, 4:8] == 128 / 255).all()
    assert torch.allclose(drawn(mask_of(path, invert=True)), 1 - mask)


def test_levels_that_lossy_files_change_count_as_black_and_white(tmp_path):
    mask = drawn(mask_of(saved(tmp_path / "mask.png", [3, 252])))
    assert set(mask.unique().tolist()) == {0.0, 1.0}


def test_a_box_is_in_shares_of_the_canvas():
    mask = drawn(mask_of([0.5, 0, 1, 0.25]))
    assert mask.sum() == 8 * 3 and (mask[:3, 8:] == 1).all()
    assert mask_of([0.5, 0, 1, 0.25]).box == (8, 0, 16, 3)


@pytest.mark.parametrize("box", [[0.99, 0.99, 1, 1], [0, 0, 0.001, 0.001], [0.5, 0, 0.5001, 1]])
def test_the_smallest_box_is_a_pixel(box):
    assert drawn(mask_of(box)).sum() >= 1


def test_a_mask_of_the_pictures_size_is_placed_as_the_picture_is(tmp_path):
    """Wherever the picture is white, and only there, it is drawn anew: in either fit."""
    both = Image.new("L", (40, 20), 0)
    both.paste(255, (16, 4, 28, 12))
    both.save(tmp_path / "both.png")
    for fit in ("cover", "stretch"):
        photo = Photo(both.convert("RGB"), fit, "photo.png")
        mask = drawn(mask_of(str(tmp_path / "both.png"), init=photo, fit=fit))
        image = photo.image(SIZE, 0)[0, 0]
        assert ((mask > 0.5) == (image > 0.5)).float().mean() > 0.97


def test_transparency_is_drawn_anew(tmp_path):
    picture = Image.new("RGBA", SIZE, (255, 0, 0, 255))
    picture.paste((0, 0, 0, 0), (0, 0, 8, 12))
    picture.save(tmp_path / "photo.png")
    photo = Photo(picture.convert("RGB"), "cover", str(tmp_path / "photo.png"))
    mask = drawn(mask_of("alpha", init=photo))
    assert (mask[:, :8] == 1).all() and (mask[:, 8:] == 0).all()


def test_it_grows_and_shrinks_by_pixels_and_blurs_its_edge_alone():
    mask = mask_of([0.25, 0.25, 0.75, 0.75])
    left, top, right, bottom = mask.box
    box = (left - 2, top - 2, right + 2, bottom + 2)
    assert mask_of([0.25, 0.25, 0.75, 0.75], grow=2).box == box
    assert mask_of([0.25, 0.25, 0.75, 0.75], grow=-1).box == (
        left + 1,
        top + 1,
        right - 1,
        bottom - 1,
    )
    wide = mask_of([0.5, 0, 1, 1], size=(64, 8), init=Perlin("gray"), blur=2)
    line = drawn(wide)[4]
    assert (line[:24] == 0).all() and (line[40:] == 1).all()
    assert (line.diff() >= 0).all() and line.diff().max() < 0.25


def test_what_is_outpainted_is_drawn_anew_beside_what_is_masked():
    around = Outpaint(SIZE, (0, 0, 16, 0))
    mask = drawn(mask_of([0, 0, 0.25, 1], size=around.size, added=around.mask()))
    assert (mask[:, :8] == 1).all() and (mask[:, 8:16] == 0).all() and (mask[:, 16:] == 1).all()
    alone = drawn(mask_of(None, size=around.size, added=around.mask()))
    assert (alone[:, :16] == 0).all() and (alone[:, 16:] == 1).all()


def test_the_part_drawn_anew_is_cut_out_of_an_image():
    image = torch.arange(16 * 12).float().view(1, 1, 12, 16)
    assert torch.equal(mask_of([0.5, 0, 1, 0.25]).cropped(image), image[:, :, :3, 8:])


@pytest.mark.parametrize(
    "area, settings, words",
    [
        ([0, 0, 2, 1], {}, r"mask=\[0, 0, 2, 1\] must be a box .* nearest is mask=\[0,0,1,1\]"),
        ([0.5, 0, 0.5, 1], {}, "must be a box"),
        ([0.8, 0, 0.2, 1], {}, "must be a box"),
        ([0, 0, 1], {}, "must be a box"),
        (["a", 0, 1, 1], {}, "must be a box"),
        (5, {}, "mask=5 must be a picture, alpha, or a box"),
        ("none.png", {}, r"mask=none\.png: the file is not there"),
        ([0, 0, 1, 1], {"invert": True}, "draws nothing anew: .*mask.invert=false"),
        ([0, 0, 0.1, 0.1], {"grow": -3}, "draws nothing anew: .*mask.grow=0"),
        (None, {"blur": 2}, "mask.blur needs a mask"),
        ("alpha", {}, "photo.png: the file is not there"),
        ([0, 0, 1, 1], {"grow": 9999}, r"mask\.grow=9999 must be .* the nearest is 512"),
        ([0, 0, 1, 1], {"blur": -1}, r"mask\.blur=-1 must be"),
        ([0, 0, 1, 1], {"jumps": 0}, r"mask\.jumps=0 must be"),
        ([0, 0, 1, 1], {"jump": 0}, r"mask\.jump=0 must be"),
    ],
)
def test_what_cannot_be_a_mask_is_refused_by_name(area, settings, words):
    with pytest.raises(BadInput, match=words):
        mask_of(area, **settings)


def test_masks_that_suit_no_picture_are_refused(tmp_path):
    mask_of(saved(tmp_path / "mask.png", [0, 255], (32, 24)))  # twice as large
    path = saved(tmp_path / "mask.png", [0, 255], (20, 20))
    with pytest.raises(BadInput, match=r"is 20x20 and init=photo.png 16x12: .* canvas, 16x12"):
        mask_of(path)
    with pytest.raises(BadInput, match=r"black all over; mask\.invert=true"):
        mask_of(saved(tmp_path / "mask.png", [0]))
    with pytest.raises(BadInput, match=r"needs a picture, of which it keeps the rest: init="):
        mask_of([0, 0, 1, 1], init=None)
    with pytest.raises(BadInput, match="needs an init picture with transparency"):
        mask_of("alpha", init=Perlin("gray"))
    Image.new("RGB", SIZE).save(tmp_path / "photo.png")
    with pytest.raises(BadInput, match="has no transparency"):
        mask_of("alpha", init=Photo(PHOTO.picture, "cover", str(tmp_path / "photo.png")))


def test_a_mask_of_everything_is_told(caplog):
    mask_of([0, 0, 1, 1])
    assert "keeps nothing of the init picture" in caplog.text
