"""Texts inside picture files: they survive, others can read them, and broken files hurt nobody."""

import os
import re
import struct
import zlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageFilter
from PIL.PngImagePlugin import PngInfo

from guided.errors import BadInput
from guided.runs import layout, metadata

FORMATS = ("png", "webp", "avif", "jpeg")
KEYBOARD = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=200)


def noisy(size=(40, 24)) -> Image.Image:
    return Image.effect_noise(size, 80).convert("RGB").filter(ImageFilter.SMOOTH)


def written(tmp_path, format, text, parameters="a heart\nSteps: 3", quality=None):
    path = tmp_path / f"picture{layout.SUFFIXES[format]}"
    texts = {"parameters": parameters, "guided": text}
    path.write_bytes(metadata.encode(noisy(), format, quality, texts))
    return path


@pytest.mark.parametrize("format", FORMATS)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    max_examples=40,
    deadline=None,
)
@given(text=KEYBOARD)
def test_any_text_comes_back(tmp_path, format, text):
    assert metadata.read(written(tmp_path, format, text)) == text


@pytest.mark.parametrize("format", FORMATS)
def test_long_texts_in_any_script_come_back(tmp_path, format):
    """Longer than two segments of a JPEG, which hold 64 kB each."""
    text = "一只猫 & <ein Hund>\n  🎨 \u0645\u0631\u062d\u0628\u0627\n" * 4000
    path = written(tmp_path, format, text, parameters=text)
    assert len(text.encode()) > 2**17
    assert metadata.read(path) == text
    with Image.open(path) as image:
        image.load()


@pytest.mark.parametrize("format", FORMATS)
def test_half_a_surrogate_pair_stops_no_picture(tmp_path, format):
    assert metadata.read(written(tmp_path, format, "a\ud800b", "a\ud800b\nSteps: 1")) == "a?b"


@given(st.text(st.characters(codec="utf-8")))
def test_a_character_in_two_halves_is_joined_and_all_else_left_as_it_is(text):
    units = text.encode("utf-16-le")
    halves = "".join(chr(unit) for (unit,) in struct.iter_unpack("<H", units))
    assert metadata.encodable(halves) == metadata.encodable(text) == text


@pytest.mark.parametrize("format", ["webp", "jpeg"])
def test_parameters_are_where_exif_readers_look(tmp_path, format):
    """EXIF 2.3, 4.6.5: UserComment begins with 8 bytes that name its character code. The tags are
    read from the file's own bytes here, not by what wrote them."""
    said = "一颗红心 " * 20_000 + "\nSteps: 3, Seed: 7"
    data = written(tmp_path, format, "x: 1", said).read_bytes()
    tiff = data[data.index(b"Exif\0\0") + 6 :] if b"Exif\0\0" in data else tiff_of_webp(data)
    comment = user_comment(tiff)
    assert comment[:8] == b"UNICODE\0"
    order = "utf-16-be"  # as piexif's helper reads it
    lines = comment[8:].decode(order).split("\n")
    assert lines[0].startswith("一颗红心 一颗红心")
    assert lines[1] == "Steps: 3, Seed: 7"


def tiff_of_webp(data: bytes) -> bytes:
    at = data.index(b"EXIF")
    return data[at + 8 :]


def user_comment(tiff: bytes) -> bytes:
    order = {b"II": "<", b"MM": ">"}[tiff[:2]]

    def entries(at):
        (count,) = struct.unpack_from(order + "H", tiff, at)
        for k in range(count):
            yield struct.unpack_from(order + "HHII", tiff, at + 2 + 12 * k)

    (first,) = struct.unpack_from(order + "I", tiff, 4)
    exif = next(value for tag, _, _, value in entries(first) if tag == 0x8769)
    _, kind, count, at = next(entry for entry in entries(exif) if entry[0] == 0x9286)
    assert kind == 7  # undefined: its first 8 bytes say what it is
    return tiff[at : at + count]


def test_png_has_both_texts_by_name(tmp_path):
    with Image.open(written(tmp_path, "png", "prompt: 猫")) as image:
        assert image.text["parameters"] == "a heart\nSteps: 3"
        assert image.text["guided"] == "prompt: 猫"


def test_webp_loses_nothing_unless_a_quality_is_asked_for(tmp_path):
    image = noisy()
    for quality, lossless in ((None, True), (60, False)):
        path = tmp_path / "picture.webp"
        path.write_bytes(metadata.encode(image, "webp", quality))
        with Image.open(path) as read:
            same = ImageChops.difference(read.convert("RGB"), image).getbbox() is None
        assert same == lossless


def test_a_lower_quality_makes_a_smaller_jpeg():
    image = noisy((128, 128))
    sizes = [len(metadata.encode(image, "jpeg", quality)) for quality in (None, 80, 30)]
    assert sizes == sorted(sizes, reverse=True)


def test_the_same_picture_is_the_same_bytes():
    image, texts = noisy(), {"parameters": "a\nb", "guided": "c" * 100_000}
    for format in FORMATS:
        assert metadata.encode(image, format, None, texts) == metadata.encode(
            image, format, None, texts
        )


def test_a_continued_packet_is_marked_as_adobe_specifies(tmp_path):
    """Part 3, 1.1.3.1: the first packet names the digest of the whole of the rest."""
    import hashlib

    data = written(tmp_path, "jpeg", "é" * 100_000).read_bytes()
    name = re.search(rb'HasExtendedXMP="([0-9A-F]{32})"', data)[1]
    mark = b"http://ns.adobe.com/xmp/extension/\0" + name
    rest = b""
    for found in re.finditer(re.escape(mark), data):
        length = int.from_bytes(data[found.start() - 2 : found.start()], "big") - 2
        inside = data[found.end() : found.start() + length]
        whole, at = struct.unpack(">II", inside[:8])
        assert at == len(rest)
        rest += inside[8:]
    assert len(rest) == whole
    assert hashlib.md5(rest).hexdigest().upper().encode() == name


def test_a_picture_of_others_has_no_text(tmp_path):
    for suffix in ("png", "webp", "jpg", "gif"):
        path = tmp_path / f"photo.{suffix}"
        noisy().save(path)
        assert metadata.read(path) is None


@pytest.mark.parametrize("name", ["notes.txt", "cut.png", "empty.png"])
def test_what_is_no_picture_is_told(tmp_path, name):
    path = tmp_path / name
    whole = metadata.encode(noisy(), "png", None, {"parameters": "a", "guided": "b" * 999})
    path.write_bytes({"notes.txt": b"hello", "cut.png": whole[:200], "empty.png": b""}[name])
    with pytest.raises(BadInput, match=re.escape(name)):
        metadata.read(path)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_text_that_would_unpack_to_gigabytes_is_refused(tmp_path):
    squeezed = zlib.compress(b"a" * 300_000_000, 9)
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    text = chunk(b"zTXt", b"guided\0\0" + squeezed)
    path = tmp_path / "bomb.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + text)
    with pytest.raises(BadInput, match="cannot be read"):
        metadata.read(path)


def test_a_huge_canvas_is_read_without_its_pixels(tmp_path):
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    text = chunk(b"iTXt", b"guided\0\0\0\0\0" + b"seed: 1")
    path = tmp_path / "huge.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + head + text + chunk(b"IDAT", b""))
    most = Image.MAX_IMAGE_PIXELS
    assert metadata.read(path) == "seed: 1"
    assert most == Image.MAX_IMAGE_PIXELS


# ---- other programs' texts -------------------------------------------------------------------

COMMENT = 'a "clay" teapot, 一只茶壶\nNegative prompt: fog\nSteps: 20, Seed: 7'


def exif_of(tag: int, value: bytes | str) -> bytes:
    """EXIF data as Pillow writes it, with one tag, inside EXIF's own directory or outside."""
    exif = Image.Exif()
    (exif.get_ifd(0x8769) if tag in (0x9286, 0x927C) else exif)[tag] = value
    return exif.tobytes()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("tag", "name", "value"),
    [
        (0x9286, "UserComment", b"UNICODE\0" + COMMENT.encode("utf-16-be")),
        (0x9286, "UserComment", b"UNICODE\0" + COMMENT.encode("utf-16-le")),
        (0x9286, "UserComment", b"UNICODE\0" + COMMENT.encode("utf-8")),
        (0x9286, "UserComment", b"ASCII\0\0\0" + COMMENT.encode("utf-8")),
        (0x9286, "UserComment", COMMENT.encode("utf-8")),
        (0x010F, "Make", "prompt: x"),
        (0x0131, "Software", "Fooocus v2"),
    ],
    ids=str,
)
def test_texts_of_other_programs_are_read_from_exif(tmp_path, format, tag, name, value):
    path = tmp_path / "picture"
    Image.new("RGB", (4, 4)).save(path, format, exif=exif_of(tag, value))
    assert metadata.is_picture(path)
    expected = value if isinstance(value, str) else COMMENT
    assert metadata.texts(path) == {name: expected}


def test_texts_of_a_png_are_read_by_name_without_its_pixels(tmp_path):
    info = PngInfo()
    info.add_text("parameters", "a fox", zip=True)
    info.add_itxt("prompt", "{}")
    path = tmp_path / "picture.png"
    Image.new("RGB", (4, 4)).save(path, "PNG", pnginfo=info)
    cut = path.read_bytes()
    path.write_bytes(cut[: cut.index(b"IDAT") + 4])  # the pixels are missing
    assert metadata.texts(path) == {"parameters": "a fox", "prompt": "{}"}


@pytest.mark.parametrize("data", [b"", b"Exif\0\0", b"Exif\0\0MM\0*" + b"\xff" * 60, b"x" * 9])
def test_damaged_exif_has_no_texts(data):
    assert metadata.exif_texts(data) == {}


def test_a_text_that_grows_without_end_is_refused(tmp_path):
    info = PngInfo()
    info.add_text("parameters", "a" * (1 << 24), zip=True)
    path = tmp_path / "bomb.png"
    Image.new("RGB", (4, 4)).save(path, "PNG", pnginfo=info)
    with pytest.raises(BadInput, match=r"bomb\.png cannot be read as a picture"):
        metadata.texts(path)


def test_what_is_no_picture_is_told_from_one(tmp_path):
    (tmp_path / "x.png").write_text("{}")
    assert not metadata.is_picture(tmp_path / "x.png")
    assert not metadata.is_picture(tmp_path)
    assert not metadata.is_picture(tmp_path / "none.png")
    os.mkfifo(tmp_path / "pipe.png")
    assert not metadata.is_picture(tmp_path / "pipe.png")
