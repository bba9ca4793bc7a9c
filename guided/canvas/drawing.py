"""SVG drawings of coloured shapes, rendered by resvg (https://github.com/linebender/resvg).

A drawing is untrusted. Only shapes, groups, gradients and clip paths are accepted: nothing that
refers to another file or is drawn many times over, no entities, no scripts, no text. What is
accepted is checked before resvg sees the file.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from xml.parsers import expat

from PIL import Image

from guided.errors import BadInput, shown
from guided.images import flat
from guided.untrusted.regular_files import MB, read_bytes
from guided.untrusted.typed_paths import absence, expand, similar

SUFFIX = ".svg"
SVG = "http://www.w3.org/2000/svg"
ELEMENTS = (
    *("svg", "g", "defs", "title", "desc", "metadata", "style"),
    *("rect", "circle", "ellipse", "line", "polyline", "polygon", "path"),
    *("linearGradient", "radialGradient", "stop", "clipPath"),
)
LARGEST_FILE = 2 * MB
MOST_ELEMENTS, DEEPEST = 10_000, 64
SIDE = 1024  # pixels of the longer side


class Refused(ValueError):
    """A drawing has something that is not accepted, which the message names."""


def is_drawing(path: str) -> bool:
    """Return whether a path names an SVG."""
    return path.lower().endswith(SUFFIX)


def open_drawing(setting: str, path: str) -> Image.Image:
    """Return the drawing as RGB over white, SIDE pixels at its longer side. Raise BadInput, naming
    the setting, if it cannot be read or has something that is not accepted."""
    place = expand(setting, path)
    if not place.is_file():
        raise BadInput(f"{setting}={path}: the file {absence(place)}{similar(place)}")
    if find_spec("resvg_py") is None:
        raise BadInput(
            f"{setting}={path}: to draw an SVG needs resvg, which is not here: pip install "
            "resvg-py; or save it as a PNG"
        )
    try:
        source = read_bytes(place, LARGEST_FILE)
        check(source)
        return rendered(source.decode())
    except UnicodeDecodeError as error:
        raise BadInput(f"{setting}={path} is no UTF-8, in which drawings are read") from error
    except expat.ExpatError as error:
        raise BadInput(f"{setting}={path} is no SVG that can be read: {error}") from error
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise BadInput(f"{setting}={path} cannot be drawn: {why}") from error


def rendered(source: str) -> Image.Image:
    """Return the picture of a checked drawing. Raise ValueError if resvg refuses it."""
    import resvg_py

    data = resvg_py.svg_to_bytes(
        svg_string=source, width=SIDE, height=SIDE, skip_system_fonts=True
    )
    with Image.open(BytesIO(data), formats=("PNG",)) as picture:
        return flat(picture)


def check(source: bytes) -> None:
    """Raise Refused, or expat's error, unless everything in the drawing is accepted."""
    parser, checker = expat.ParserCreate("utf-8", " "), Checker()
    parser.buffer_size, parser.buffer_text = LARGEST_FILE, True  # texts in one piece
    parser.StartElementHandler = checker.begin
    parser.EndElementHandler = checker.end
    parser.CharacterDataHandler = checker.text
    parser.EntityDeclHandler = checker.entity
    parser.Parse(source, True)


@dataclass
class Checker:
    """The counts of a drawing so far."""

    count: int = 0
    depth: int = 0

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        """Check an element; `name` is its namespace and its name, with a blank between them."""
        space, _, local = name.rpartition(" ")
        self.count, self.depth = self.count + 1, self.depth + 1
        if self.count == 1 and name != f"{SVG} svg":
            raise Refused(f'it has no <svg xmlns="{SVG}"> around everything')
        if self.count > MOST_ELEMENTS or self.depth > DEEPEST:
            raise Refused(
                f"it has more than {MOST_ELEMENTS} elements, or {DEEPEST} inside each other"
            )
        if space == SVG and local not in ELEMENTS:
            kinds = ", ".join(ELEMENTS[7:])
            raise Refused(f"<{shown(local)}> is not drawn, of shapes only {kinds}")
        for key, value in attributes.items():
            if key.rpartition(" ")[2] == "href" and space == SVG and not value.startswith("#"):
                raise Refused(f"<{local}> refers to {shown(value)}, which is outside of it")
            self.text(value)

    def end(self, name: str) -> None:
        self.depth -= 1

    def text(self, text: str) -> None:
        """Check a text or the value of an attribute: url() must refer to the drawing itself."""
        for part in text.lower().split("url(")[1:]:
            if not part.lstrip(" \"'").startswith("#"):
                raise Refused(f"it refers to {shown(part.partition(')')[0])}, which is outside")
        if "@import" in text.lower():
            raise Refused("it has @import, which refers to what is outside of it")

    def entity(self, name: str, *_: object) -> None:
        raise Refused(f"it defines the entity {shown(name)}, which a drawing does not need")
