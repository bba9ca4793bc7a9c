"""Two texts inside the file of a picture or a film, PNG, WebP, JPEG, GIF or MP4: `parameters`, in
the layout that other programs read, and `guided`, everything.

PNG has both as text of their names. JPEG and WebP have `parameters` as EXIF's UserComment in
UTF-16, where AUTOMATIC1111's web UI keeps it, and `guided` in XMP; what is longer than a segment
of a JPEG goes on in further ones, by Adobe's XMP Specification, Part 3, 1.1.3.1
(https://developer.adobe.com/xmp/docs/XMPSpecifications/). GIF has one comment: `guided`. MP4
has tags: `comment` for the first, and `guided`.

Knows nothing about what the texts say. Reading decodes no pixels.
"""

import hashlib
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.errors import BadInput
from guided.version import __version__

SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
SOFTWARE = f"AI generated; guided {__version__}"
EXIF_IFD, USER_COMMENT, SOFTWARE_TAG = 0x8769, 0x9286, 0x0131
ASCII, LONG, UNDEFINED = 2, 4, 7  # EXIF's types
OURS = b"# guided\n"  # the first line of a GIF's comment, which is YAML with it or without
XMP, MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
SEGMENT = 65_533  # bytes that a JPEG's segment holds
LONGEST_COMMENT = 15_000  # characters: EXIF is one segment of a JPEG, with up to 4 bytes for each
LARGEST_FILE = 2**30  # bytes, of those that are read


# ---- into a file ---------------------------------------------------------------------------


def encode(
    image: Image.Image, format: str, quality: int | None, texts: dict[str, str] | None = None
) -> bytes:
    """The file's bytes. Without a quality WebP is lossless and JPEG 95; PNG has none."""
    buffer = BytesIO()
    if format == "png":
        image.save(buffer, "PNG", pnginfo=png_info(texts) if texts else None)
    elif format == "webp":
        chosen = {"lossless": True} if quality is None else {"quality": quality}
        inside = exif_and_xmp(texts) if texts else {}
        image.save(buffer, "WEBP", method=4, **chosen, **inside)
    else:
        inside = {"exif": exif(texts)} if texts else {}
        quality = 95 if quality is None else quality
        image.save(buffer, "JPEG", quality=quality, subsampling="4:4:4", **inside)
        return with_xmp(buffer.getvalue(), texts["guided"]) if texts else buffer.getvalue()
    return buffer.getvalue()


def png_info(texts: dict[str, str]) -> PngInfo:
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, whole(text))
    info.add_text("Software", SOFTWARE)
    return info


def whole(text: str) -> str:
    """Two halves of a surrogate pair, as JSON's and YAML's escapes may leave them, are one
    character. Half of one, as a command line that is no UTF-8 leaves it, fits no file."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return joined.encode("utf-8", "replace").decode("utf-8")


def exif_and_xmp(texts: dict[str, str]) -> dict[str, bytes]:
    """For WebP, whose chunks may be of any length."""
    return {"exif": exif(texts), "xmp": xmp(texts["guided"])}


def comment(texts: dict[str, str]) -> bytes:
    """For GIF, whose comments begin in our case with who wrote them."""
    return OURS + whole(texts["guided"]).encode()


def mp4_tags(texts: dict[str, str]) -> dict[str, str]:
    """For MP4: what players show as a comment, and everything."""
    return {"comment": whole(texts["parameters"]), "guided": whole(texts["guided"])}


def exif(texts: dict[str, str]) -> bytes:
    """Two tags. Pillow would call the comment's type `byte`, where EXIF, and what reads it, want
    `undefined`, so the few bytes are laid out here."""
    said, newline, facts = whole(texts["parameters"]).rpartition("\n")
    comment = said[: LONGEST_COMMENT - len(facts)] + newline + facts
    undefined = b"UNICODE\0" + comment.encode("utf-16-be")
    ascii = SOFTWARE.encode("ascii") + b"\0"
    inner = 38 + len(ascii) + len(ascii) % 2  # where the second directory begins
    return (
        b"Exif\0\0MM\0*"
        + struct.pack(">IH", 8, 2)
        + struct.pack(">HHII", SOFTWARE_TAG, ASCII, len(ascii), 38)
        + struct.pack(">HHII", EXIF_IFD, LONG, 1, inner)
        + struct.pack(">I", 0)
        + ascii.ljust(inner - 38, b"\0")
        + struct.pack(">H", 1)
        + struct.pack(">HHII", USER_COMMENT, UNDEFINED, len(undefined), inner + 18)
        + struct.pack(">I", 0)
        + undefined
    )


def xmp(text: str, attributes: str = "") -> bytes:
    """A packet with the text, or with attributes that say where it is."""
    inside = f"<guided:settings>{escape(whole(text))}</guided:settings>" if text else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:guided="urn:guided:"{attributes}>'
        f"{inside}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def with_xmp(jpeg: bytes, text: str) -> bytes:
    """The text in segments of its own, behind those for JFIF and EXIF."""
    packet = xmp(text)
    if len(packet) <= SEGMENT - len(XMP):
        segments = [XMP + packet]
    else:
        name = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
        where = (
            ' xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
            f' xmpNote:HasExtendedXMP="{name.decode()}"'
        )
        segments = [XMP + xmp("", where)]
        size = SEGMENT - len(MORE_XMP) - len(name) - 8
        for at in range(0, len(packet), size):
            place = len(packet).to_bytes(4, "big") + at.to_bytes(4, "big")
            segments.append(MORE_XMP + name + place + packet[at : at + size])
    at = 2
    while jpeg[at] == 0xFF and 0xE0 <= jpeg[at + 1] <= 0xEF:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    framed = [b"\xff\xe1" + (len(inside) + 2).to_bytes(2, "big") + inside for inside in segments]
    return jpeg[:at] + b"".join(framed) + jpeg[at:]


# ---- out of one ----------------------------------------------------------------------------


def read(path: Path) -> str | None:
    """The text `guided` of a picture; None where there is none. BadInput when the file is no
    picture of these kinds, or broken."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path} is larger than {LARGEST_FILE >> 20} MB; pictures are not")
        if not path.is_file():
            raise BadInput(f"{path} is no file")
        if is_mp4(path):
            return read_mp4(path)
        with of_any_size(), Image.open(path, formats=("PNG", "JPEG", "WEBP", "GIF")) as image:
            return text_of(image)
    except Image.UnidentifiedImageError as error:
        raise BadInput(f"{path} is no PNG, WebP, JPEG, GIF or MP4") from error
    except BadInput:
        raise
    except (OSError, ValueError, SyntaxError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} cannot be read as a picture: {why}") from error


def is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(12)[4:8] == b"ftyp"


def read_mp4(path: Path) -> str | None:
    if find_spec("av") is None:
        raise BadInput(f"{path}: to read an MP4 needs PyAV, which is not here: pip install av")
    import av

    try:
        with av.open(str(path), format="mp4") as container:
            return container.metadata.get("guided")
    except (av.FFmpegError, UnicodeDecodeError, ValueError) as error:
        raise BadInput(f"{path} cannot be read as a film: {error}") from error


@contextmanager
def of_any_size() -> Iterator[None]:
    """Pillow warns of many pixels, and refuses more: here none is decoded."""
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of what else is odd about a file
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = most


def text_of(image: Image.Image) -> str | None:
    if image.format == "PNG":
        text = image.info.get("guided")  # and not image.text, which decodes the pixels
        return None if text is None else str(text)
    if image.format == "GIF":
        said = decoded(image.info.get("comment", b""))
        return said if said.startswith(OURS.decode()) else None
    packet = packets(image) if image.format == "JPEG" else image.info.get("xmp", b"")
    found = re.search("<guided:settings>(.*?)</guided:settings>", decoded(packet), re.DOTALL)
    return unescape(found[1]) if found else None


def decoded(data: Any) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)


def packets(image: Any) -> bytes:
    """What the segments of a JPEG have of XMP, the continued packet in its order."""
    inside = [data for name, data in image.applist if name == "APP1"]
    first = b"".join(data[len(XMP) :] for data in inside if data.startswith(XMP))
    start = len(MORE_XMP) + 32 + 4  # behind its name and its length
    more = [data[start:] for data in inside if data.startswith(MORE_XMP)]
    parts = sorted((data[:4], data[4:]) for data in more)
    return first + b"".join(data for _, data in parts)
