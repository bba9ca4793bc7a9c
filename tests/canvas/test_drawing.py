"""SVG drawings: what is drawn of them, and what is refused of untrusted ones."""

import pytest

from guided.canvas import drawing
from guided.canvas.drawing import open_drawing
from guided.canvas.init import read_init
from guided.errors import BadInput

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20">'
SHAPES = """<?xml version="1.0"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns="http://www.w3.org/2000/svg" xmlns:editor="urn:editor" viewBox="0 0 40 20">
  <editor:view href="file:///etc/passwd"/>
  <style>.sun { fill: #ff0000 }</style>
  <defs><linearGradient id="sky"><stop stop-color="#0000ff"/></linearGradient></defs>
  <rect width="20" height="20" fill="url(#sky)"/>
  <g transform="translate(30 10)"><circle class="sun" r="4"/></g>
</svg>"""


@pytest.fixture
def write(tmp_path):
    def write(text: str | bytes) -> str:
        path = tmp_path / "drawing.svg"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return write


def test_shapes_are_drawn_over_white_in_their_colours_and_their_shape(write):
    pytest.importorskip("resvg_py")
    image = read_init(write(SHAPES), "cover").image((40, 20), 0)[0]
    colours = {(10, 10): [0, 0, 1], (30, 10): [1, 0, 0], (37, 2): [1, 1, 1]}
    for (x, y), colour in colours.items():
        assert image[:, y, x].tolist() == pytest.approx(colour, abs=0.01)


@pytest.mark.parametrize("box", ["1 40000", "40000 1", "1e30 1"])
def test_a_drawing_of_any_shape_has_a_bounded_size(write, box):
    pytest.importorskip("resvg_py")
    picture = open_drawing("init", write(SHAPES.replace("0 0 40 20", f"0 0 {box}")))
    assert max(picture.size) <= drawing.SIDE


@pytest.mark.parametrize(
    "inside, words",
    [
        ('<image href="/etc/passwd"/>', "<image> is not drawn, of shapes only rect, circle"),
        ("<script>alert(1)</script>", "<script> is not drawn"),
        ('<use href="#a"/>', "<use> is not drawn"),
        ("<filter/>", "<filter> is not drawn"),
        ("<text>a</text>", "<text> is not drawn"),
        ('<linearGradient href="http://a.example/b.svg#c"/>', "outside of it"),
        ('<rect fill="url(http://a.example/b)"/>', "refers to http://a.example/b"),
        ('<rect fill="&#117;rl(http://a.example/b)"/>', "refers to http://a.example/b"),
        ("<style>@import 'a.css'</style>", "@import"),
        ("<g>" * 70 + "</g>" * 70, "inside each other"),
        ("<g/>" * 10_001, "more than 10000 elements"),
        ("<g>", "is no SVG that can be read"),
    ],
)
def test_what_is_no_shape_is_refused_in_one_line(write, inside, words):
    with pytest.raises(BadInput) as caught:
        open_drawing("init", write(f"{HEAD}{inside}</svg>"))
    assert words in str(caught.value) and str(caught.value).startswith("init=")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text, words",
    [
        (f'<!DOCTYPE svg [<!ENTITY a "b">]>{HEAD}<g>&a;</g></svg>', "entity a"),
        (f'<!DOCTYPE svg [<!ENTITY a SYSTEM "/etc/passwd">]>{HEAD}<g>&a;</g></svg>', "entity a"),
        ("<html/>", "no <svg xmlns="),
        (b"\x89PNG\r\n", "is no SVG that can be read"),
        ((HEAD + "</svg>").encode("utf-16"), "is no UTF-8"),
        ("", "is no SVG that can be read"),
        (HEAD + " " * (2 << 20) + "</svg>", "larger than 2 MB"),
    ],
)
def test_what_is_no_drawing_is_refused(write, text, words):
    with pytest.raises(BadInput, match=words):
        open_drawing("init", write(text))


def test_a_missing_drawing_or_renderer_is_named(write, monkeypatch):
    with pytest.raises(BadInput, match=r"init=none.svg: the file is not there"):
        open_drawing("init", "none.svg")
    monkeypatch.setattr(drawing, "find_spec", lambda name: None)
    with pytest.raises(BadInput, match="pip install resvg-py"):
        open_drawing("init", write(SHAPES))
