"""Uploaded pictures: decoded, re-encoded, bounded."""

import zlib
from io import BytesIO

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.errors import BadInput
from guided.studio import uploads
from guided.studio.places import uploads_folder
from tests.studio.conftest import HEART


def png(size=(8, 6), color="red", **more) -> bytes:
    buffer = BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG", **more)
    return buffer.getvalue()


def test_only_the_pixels_are_kept(tmp_path):
    note = PngInfo()
    note.add_text("guided", "prompt: a secret")
    name, size = uploads.save(tmp_path, png(pnginfo=note) + b"<script>trailing</script>")
    data = (uploads_folder(tmp_path) / f"{name}.png").read_bytes()
    assert size == (8, 6) and b"secret" not in data and b"script" not in data
    assert Image.open(BytesIO(data)).getpixel((0, 0)) == (255, 0, 0)


def test_the_same_pixels_have_the_same_id(tmp_path):
    assert uploads.save(tmp_path, png())[0] == uploads.save(tmp_path, png(compress_level=0))[0]
    assert len(list(uploads_folder(tmp_path).iterdir())) == 1


def test_a_photograph_is_rotated_as_its_exif_says(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by 90 degrees
    assert uploads.save(tmp_path, png(exif=exif))[1] == (6, 8)


def test_a_mask_is_grey(tmp_path):
    name, _ = uploads.save(tmp_path, png(color="white"), mask=True)
    assert Image.open(uploads_folder(tmp_path) / f"{name}.png").mode == "L"


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", b"%!PS\n", HEART.read_bytes()[:200]])
def test_what_is_no_whole_picture_is_refused_in_one_line(tmp_path, data):
    with pytest.raises(BadInput) as error:
        uploads.save(tmp_path, data)
    assert "\n" not in str(error.value) and not uploads_folder(tmp_path).exists()


@pytest.mark.parametrize("side", [9000, 20_000, 2**31 - 1])
def test_the_size_is_checked_before_the_pixels_are_decoded(tmp_path, side):
    head = bytearray(png())
    head[16:24] = side.to_bytes(4, "big") + side.to_bytes(4, "big")  # of a file of some bytes
    head[29:33] = zlib.crc32(bytes(head[12:29])).to_bytes(4, "big")
    with pytest.raises(BadInput, match="too large"):
        uploads.save(tmp_path, bytes(head))
