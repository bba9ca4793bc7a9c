"""Files of films: presets, videos, depth maps, and the record of a frame."""

from __future__ import annotations

import io
from functools import cache

from hypothesis import strategies as st
from PIL import Image

from guided.paths import conf_folder
from guided.runs import metadata
from tests.fuzz.files import damaged, encoded, mappings, recorded
from tests.fuzz.trial import FIXTURES, Case
from tests.fuzz.values import KEYFRAMES, ODD

VIDEOS = ("film.mp4", "film.gif", "film.webp", "film.png")
FRAME = """animate:
  _target_: animate/film
  zoom: '0: (1.02)'
  prompts: {0: a sun, 10: a moon}
  frame: 3
  before: init.png
  colors: [0.5, 0.5, 0.5, 0.1, 0.1, 0.1]
frames: 12
fps: 12
"""


@st.composite
def presets(draw: st.DrawFn) -> Case:
    """Return a preset of a film: one of the program's, with values changed and key frames."""
    path = draw(st.sampled_from(sorted((conf_folder() / "animate").glob("*.yaml"))))
    text = path.read_text(encoding="utf-8")
    names = st.sampled_from(("zoom", "angle", "strength", "translation_x", "fov", "noise"))
    for name, value in draw(st.lists(st.tuples(names, KEYFRAMES), max_size=2)):
        quoted = value.replace("'", "''")
        text += f"\n{name}: '{quoted}'"
    content = draw(damaged(encoded(draw(mappings(text)))))
    more = draw(st.sampled_from(((), ("frames=5",), ("frames=5", "fps=3", "animate.loop=true"))))
    words = ("--config-dir", "own", "prompt=a", "animate=fuzzed", *more)
    return Case(words, (("own/animate/fuzzed.yaml", content),))


@st.composite
def key_frames(draw: st.DrawFn) -> Case:
    """Return a film whose values vary, from a file of rows."""
    value = draw(KEYFRAMES | ODD)
    name = draw(st.sampled_from(("zoom", "angle", "strength", "fov", "rotation_3d_y", "prompts")))
    quoted = "'" + value.replace("'", "''").replace("\n", " ") + "'"
    text = draw(st.sampled_from((quoted, value)))
    mode = "3d" if name.startswith(("fov", "rotation")) else "2d"
    row = f"- prompt: a sun\n  animate: {mode}\n  frames: 7\n  animate.{name}: {text}\n"
    return Case(("prompts=fuzzed.yaml",), (("fuzzed.yaml", encoded(row)),))


@st.composite
def videos(draw: st.DrawFn) -> Case:
    """Return a damaged video to draw over."""
    path = FIXTURES / draw(st.sampled_from(VIDEOS))
    content = draw(damaged(path.read_bytes()))
    text = draw(st.sampled_from((b"file init.png\n", b"#EXTM3U\ninit.png\n", b"ffconcat 1.0\n")))
    content = text if draw(st.integers(0, 9)) == 0 else content
    name = draw(st.sampled_from((path.name, "clip.mp4", "clip.mkv", "clip.m3u8", "clip")))
    more = draw(st.sampled_from(((), ("frames=5",), ("fps=3",), ("frames=5", "fps=200"))))
    words = ("prompt=a", "animate=video", f"animate.video=in/{name}", *more)
    return Case(words, ((f"in/{name}", content),))


@cache
def depth_map() -> bytes:
    """Return a small grey picture."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


@st.composite
def depth_maps(draw: st.DrawFn) -> Case:
    """Return a folder of depth maps, some of them damaged."""
    names = draw(st.lists(
        st.sampled_from(("0.png", "1.png", "10.PNG", "2.tif", "a.txt", "3.jpg")), max_size=3,
        unique=True,
    ))  # fmt: skip
    maps = tuple((f"maps/{name}", draw(damaged(depth_map()))) for name in names)
    words = ("prompt=a", "animate=3d", "animate.depth=maps", "frames=3")
    more = draw(
        st.sampled_from(((), ("animate.near=0",), ("animate.far=1",), ("animate.fov=90",)))
    )
    return Case((*words, *more), maps)


@st.composite
def frames(draw: st.DrawFn) -> Case:
    """Return a frame of a film whose record has odd settings."""
    lines = [line for line in recorded().splitlines() if not line.startswith(("animate:", "f"))]
    text = draw(mappings("\n".join(lines) + "\n" + FRAME))
    texts = {"guided": metadata.encodable(text)}
    data = metadata.encode(Image.new("RGB", (8, 8)), "png", None, texts)
    more = draw(st.sampled_from(((), ("seed=3",), ("frames=4",), ("animate.frame=null",))))
    return Case(("from=frame.png", *more), (("frame.png", data),))
