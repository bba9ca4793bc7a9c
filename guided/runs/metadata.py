"""Texts inside the file of a picture or a film (PNG, WebP, AVIF, JPEG, GIF, MP4): `parameters`, in
the layout that other programs read, and `guided`, with all settings.

PNG has both as text of their names. JPEG, WebP and AVIF have `parameters` as EXIF's UserComment in
UTF-16, where AUTOMATIC1111's web UI keeps it, and `guided` in XMP; what is longer than a segment
of a JPEG goes on in further ones, by Adobe's XMP Specification, Part 3, 1.1.3.1
(https://developer.adobe.com/xmp/docs/XMPSpecifications/). GIF has one comment: `guided`. MP4
has tags: `comment` for the first, and `guided`.

Reading decodes no pixels.
"""

import hashlib
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape, unescape
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from guided.errors import BadInput
from guided.version import __version__

SOFTWARE = f"AI generated; guided {__version__}"
EXIF_IFD, USER_COMMENT, SOFTWARE_TAG = 0x8769, 0x9286, 0x0131
X_RESOLUTION, Y_RESOLUTION, RESOLUTION_UNIT, INCH = 0x011A, 0x011B, 0x0128, 2
ASCII, SHORT, LONG, RATIONAL, UNDEFINED = 2, 3, 4, 5, 7  # EXIF's types
OURS = b"# guided\n"  # the first line of a GIF's comment, which is YAML with it or without
XMP, MORE_XMP = b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0"
SEGMENT = 65_533  # bytes that a JPEG's segment holds
LONGEST_COMMENT = 15_000  # characters: EXIF is one segment of a JPEG, with up to 4 bytes for each
EXIF_TEXTS = {
    USER_COMMENT: "UserComment",
    0x927C: "MakerNote",
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    SOFTWARE_TAG: "Software",
}
FORMATS = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")  # that Pillow reads; MP4 is PyAV's
AVIF = (b"ftypavif", b"ftypavis")  # after the first 4 bytes, where an MP4 has another brand
LARGEST_FILE = 2**30  # bytes, of those that are read


# ---- writing -------------------------------------------------------------------------------


def encode(
    image: Image.Image,
    format: str,
    quality: int | None,
    texts: dict[str, str] | None = None,
    dpi: int | None = None,
) -> bytes:
    """Return the bytes of a file. With quality None WebP is lossless, JPEG has 95 and AVIF 90; PNG
    has no quality. `dpi` are the pixels of an inch on paper."""
    buffer = BytesIO()
    inch = {} if dpi is None else {"dpi": (dpi, dpi)}
    if format == "png":
        image.save(buffer, "PNG", pnginfo=png_info(texts) if texts else None, **inch)
    elif format == "webp":
        options = {"lossless": True} if quality is None else {"quality": quality}
        embedded = exif_and_xmp(texts, dpi) if texts else {}
        image.save(buffer, "WEBP", method=4, **options, **embedded)
    elif format == "avif":
        quality = 90 if quality is None else quality
        embedded = exif_and_xmp(texts, dpi) if texts else {}
        image.save(buffer, "AVIF", quality=quality, subsampling="4:4:4", **embedded)
    else:
        embedded = {"exif": exif(texts, dpi)} if texts else {}
        quality = 95 if quality is None else quality
        image.save(buffer, "JPEG", quality=quality, subsampling="4:4:4", **embedded, **inch)
        return with_xmp(buffer.getvalue(), texts["guided"]) if texts else buffer.getvalue()
    return buffer.getvalue()


def png_info(texts: dict[str, str]) -> PngInfo:
    info = PngInfo()
    for name, text in texts.items():
        info.add_itxt(name, encodable(text))
    info.add_text("Software", SOFTWARE)
    return info


def encodable(text: str) -> str:
    """Return the text with surrogate pairs, as escapes of JSON and YAML may leave them, joined to
    one character, and a single surrogate, as from a command line that is not UTF-8, replaced by a
    question mark, so that it can be encoded."""
    joined = text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")
    return joined.encode("utf-8", "replace").decode("utf-8")


def exif_and_xmp(texts: dict[str, str], dpi: int | None = None) -> dict[str, bytes]:
    """Return the chunks of a WebP or an AVIF, which may have any length."""
    return {"exif": exif(texts, dpi), "xmp": xmp(texts["guided"])}


def comment(texts: dict[str, str]) -> bytes:
    """Return the comment of a GIF, with this program's name in its first line."""
    return OURS + encodable(texts["guided"]).encode()


def mp4_tags(texts: dict[str, str]) -> dict[str, str]:
    """Return the tags of an MP4: the comment that players show, and all settings."""
    return {"comment": encodable(texts["parameters"]), "guided": encodable(texts["guided"])}


def exif(texts: dict[str, str], dpi: int | None = None) -> bytes:
    """Return EXIF data with the tags Software and UserComment, and those of the resolution. Pillow
    would write the comment with the type `byte`, where EXIF requires `undefined`, so the bytes are
    laid out here."""
    prompts, newline, facts = encodable(texts["parameters"]).rpartition("\n")
    comment = prompts[: LONGEST_COMMENT - len(facts)] + newline + facts
    undefined = b"UNICODE\0" + comment.encode("utf-16-be")
    ascii = SOFTWARE.encode("ascii") + b"\0"
    count = 2 if dpi is None else 5  # tags of the first directory
    text = 14 + 12 * count  # where the text of Software begins
    inner = text + len(ascii) + len(ascii) % 2  # where the second directory begins
    ratio = inner + 18 + len(undefined)  # where the resolution stands
    resolution = b""
    if dpi is not None:
        resolution = (
            struct.pack(">HHII", X_RESOLUTION, RATIONAL, 1, ratio)
            + struct.pack(">HHII", Y_RESOLUTION, RATIONAL, 1, ratio)
            + struct.pack(">HHIHH", RESOLUTION_UNIT, SHORT, 1, INCH, 0)
        )
    return (
        b"Exif\0\0MM\0*"
        + struct.pack(">IH", 8, count)
        + resolution  # in the order of the tags' numbers
        + struct.pack(">HHII", SOFTWARE_TAG, ASCII, len(ascii), text)
        + struct.pack(">HHII", EXIF_IFD, LONG, 1, inner)
        + struct.pack(">I", 0)
        + ascii.ljust(inner - text, b"\0")
        + struct.pack(">H", 1)
        + struct.pack(">HHII", USER_COMMENT, UNDEFINED, len(undefined), inner + 18)
        + struct.pack(">I", 0)
        + undefined
        + (b"" if dpi is None else struct.pack(">II", dpi, 1))
    )


def xmp(text: str, attributes: str = "") -> bytes:
    """Return an XMP packet with the text, or with attributes that refer to another packet."""
    inside = escape(encodable(text), quote=False)
    element = f"<guided:settings>{inside}</guided:settings>" if text else ""
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:guided="urn:guided:"{attributes}>'
        f"{element}</rdf:Description></rdf:RDF></x:xmpmeta>"
    ).encode()


def with_xmp(jpeg: bytes, text: str) -> bytes:
    """Return the JPEG with the text in XMP segments, behind those of JFIF and EXIF."""
    packet = xmp(text)
    if len(packet) <= SEGMENT - len(XMP):
        segments = [XMP + packet]
    else:
        name = hashlib.md5(packet, usedforsecurity=False).hexdigest().upper().encode()
        reference = (
            ' xmlns:xmpNote="http://ns.adobe.com/xmp/note/"'
            f' xmpNote:HasExtendedXMP="{name.decode()}"'
        )
        segments = [XMP + xmp("", reference)]
        size = SEGMENT - len(MORE_XMP) - len(name) - 8
        for at in range(0, len(packet), size):
            place = len(packet).to_bytes(4, "big") + at.to_bytes(4, "big")
            segments.append(MORE_XMP + name + place + packet[at : at + size])
    at = 2
    while jpeg[at] == 0xFF and 0xE0 <= jpeg[at + 1] <= 0xEF:
        at += 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big")
    framed = [b"\xff\xe1" + (len(data) + 2).to_bytes(2, "big") + data for data in segments]
    return jpeg[:at] + b"".join(framed) + jpeg[at:]


# ---- reading -------------------------------------------------------------------------------


def read(path: Path) -> str | None:
    """Return the text `guided` of a picture or film; None if it has none. BadInput if the file has
    another format or is damaged."""
    with opened(path) as image:
        return read_mp4(path) if image is None else text_of(image)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Yield a picture whose pixels are not decoded; None for a film. BadInput if the file has
    another format or is damaged."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise BadInput(f"{path} is larger than {LARGEST_FILE >> 20} MB; pictures are not")
        if not path.is_file():
            raise BadInput(f"{path} is no file")
        if is_mp4(path):
            yield None
            return
        with without_pixel_limit(), Image.open(path, formats=FORMATS) as image:
            yield image
    except Image.UnidentifiedImageError as error:
        raise BadInput(f"{path} is no PNG, WebP, AVIF, JPEG, GIF or MP4") from error
    except BadInput:
        raise
    except (OSError, EOFError, ValueError, LookupError, SyntaxError, RuntimeError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"{path} cannot be read as a picture: {why}") from error


def is_picture(path: Path) -> bool:
    """Return whether the file begins as a PNG, JPEG, WebP, AVIF or GIF does."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            begun = file.read(12)
    except OSError:
        return False
    known = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF8")
    riff = begun[:4] == b"RIFF" and begun[8:] == b"WEBP"
    return begun.startswith(known) or riff or begun[4:] in AVIF


def texts(path: Path) -> dict[str, str]:
    """Return the texts that any program has written into a picture, by name: those of a PNG, and
    those of EXIF. BadInput if the file is damaged."""
    with opened(path) as image:
        found = {str(k): v for k, v in image.info.items() if isinstance(v, str)}
        data = image.info.get("exif", b"")
    return found | exif_texts(data if isinstance(data, bytes) else b"")


def exif_texts(data: bytes) -> dict[str, str]:
    """Return the texts of EXIF data by the names of their tags; none if it is damaged."""
    exif = Image.Exif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exif.load(data)
            tags = {**exif, **exif.get_ifd(EXIF_IFD)}
    except (OSError, ValueError, SyntaxError, KeyError, IndexError, TypeError, struct.error):
        return {}
    texts = {name: exif_text(tags[tag]) for tag, name in EXIF_TEXTS.items() if tag in tags}
    return {name: text for name, text in texts.items() if text}


def exif_text(value: Any) -> str:
    """Return the text of a tag; a UserComment begins with the name of its character set."""
    if not isinstance(value, bytes):
        return value if isinstance(value, str) else ""
    charset, text = value[:8], value[8:]
    if charset == b"UNICODE\0":
        # UTF-16 in either order, whatever the file's own is, or UTF-8 all the same.
        big = text[::2].count(0) >= text[1::2].count(0)
        utf16 = "utf-16-be" if big else "utf-16-le"
        return text.decode(utf16 if 0 in text else "utf-8", "replace").strip("\0\ufeff")
    known = charset in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8))
    return (text if known else value).decode("utf-8", "replace").strip("\0")


def is_mp4(path: Path) -> bool:
    with path.open("rb") as file:
        begun = file.read(12)
    return begun[4:8] == b"ftyp" and begun[4:] not in AVIF


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
def without_pixel_limit() -> Iterator[None]:
    """Lift Pillow's limits on the number of pixels, because none is decoded."""
    most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = most


def text_of(image: Image.Image) -> str | None:
    """Return the text `guided` of an opened picture."""
    if image.format == "PNG":
        text = image.info.get("guided")  # and not image.text, which decodes the pixels
        return None if text is None else str(text)
    if image.format == "GIF":
        comment = decoded(image.info.get("comment", b""))
        return comment if comment.startswith(OURS.decode()) else None
    packet = packets(image) if image.format == "JPEG" else image.info.get("xmp", b"")
    match = re.search("<guided:settings>(.*?)</guided:settings>", decoded(packet), re.DOTALL)
    return unescape(match[1]) if match else None


def decoded(data: Any) -> str:
    return data.decode("utf-8", "replace") if isinstance(data, bytes) else str(data)


def packets(image: Any) -> bytes:
    """Return the XMP of a JPEG's segments, with the parts of a continued packet in order."""
    segments = [data for name, data in image.applist if name == "APP1"]
    first = b"".join(data[len(XMP) :] for data in segments if data.startswith(XMP))
    start = len(MORE_XMP) + 32 + 4  # behind its name and its length
    more = [data[start:] for data in segments if data.startswith(MORE_XMP)]
    parts = sorted((data[:4], data[4:]) for data in more)
    return first + b"".join(data for _, data in parts)
