"""Thumbnails are small in pixels and bytes, and show the picture."""

import numpy as np
import pytest
from PIL import Image

from guided.gallery import thumbs
from tests.gallery.batches import paint


@pytest.mark.parametrize("busy", [0.0, 0.15, 0.6])
@pytest.mark.parametrize("size", [(640, 384), (400, 700), (128, 128), (2000, 20)])
def test_a_thumbnail_is_bounded_whatever_the_picture(tmp_path, size, busy):
    picture, thumb = tmp_path / "image_0000.png", tmp_path / "0000.webp"
    paint(1, size, busy).save(picture)
    assert thumbs.make(picture, thumb) == size
    with Image.open(thumb) as small:
        assert max(small.size) == min(thumbs.SIDE, max(size))
        assert small.width / small.height == pytest.approx(
            size[0] / size[1], rel=0.5 / min(small.size)
        )
    assert thumb.stat().st_size <= 15_000


def test_it_shows_the_picture(tmp_path):
    picture, thumb = tmp_path / "image_0000.png", tmp_path / "0000.webp"
    image = paint(3, (640, 480), busy=0)
    image.save(picture)
    thumbs.make(picture, thumb)
    with Image.open(thumb) as small:
        far = np.asarray(small.convert("RGB"), float) - np.asarray(image.resize(small.size), float)
    assert np.abs(far).mean() < 6  # of 255


@pytest.mark.parametrize("mode", ["RGBA", "P", "L", "LA", "1", "I;16"])
def test_every_kind_of_png(tmp_path, mode):
    picture = tmp_path / "image_0000.png"
    Image.new(mode, (50, 40)).save(picture)
    assert thumbs.make(picture, tmp_path / "0000.webp") == (50, 40)


def test_what_is_transparent_is_white(tmp_path):
    Image.new("RGBA", (50, 40), (255, 0, 0, 0)).save(tmp_path / "image_0000.png")
    thumbs.make(tmp_path / "image_0000.png", tmp_path / "0000.webp")
    with Image.open(tmp_path / "0000.webp") as small:
        assert min(small.convert("RGB").getpixel((25, 20))) > 250


def test_only_the_formats_of_pictures_are_read(tmp_path):
    Image.new("RGB", (50, 40)).save(tmp_path / "image_0000.png", "TIFF")
    with pytest.raises(OSError):
        thumbs.make(tmp_path / "image_0000.png", tmp_path / "0000.webp")
    assert not (tmp_path / "0000.webp").exists()
