"""Data that no text in it can turn into a program."""

import json
import re
from urllib.parse import unquote, urlparse

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guided.gallery import script

NASTY = [
    "</script><script>alert(1)</script>",
    "<!--",
    "]]>",
    "\u2028\u2029",
    '"\\',
    "\0",
    "{{7*7}}",
]
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(NASTY),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.just("__proto__"), inner),
)


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(anything)
def test_what_is_saved_is_loaded_and_is_safe_in_a_page(data):
    text = script.dumps(data)
    assert not set(text) & set("<>&\u2028\u2029")
    inner = text.removeprefix("guidedGallery(").removesuffix(")\n")
    assert json.loads(json.loads(inner)) == data


@settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(anything)
def test_every_call_is_known_as_one(data):
    assert script.is_call(script.dumps(data).encode("utf-8", "replace").rstrip(b"\n"))


@given(st.text(alphabet='\\"+()ab\n', max_size=12))
def test_what_is_taken_for_a_call_is_one_text(inside):
    """As JSON reads it, whose texts are JavaScript's; only escapes need not be JSON's."""
    line = f'guidedGallery("{inside}")'
    for letter in "ab+()":  # escapes that JavaScript has, and JSON has not
        inside = re.sub(rf"(?<!\\)((?:\\\\)*)\\{re.escape(letter)}", r"\1", inside)
    try:
        one = isinstance(json.loads(f'"{inside}"'), str)
    except ValueError:
        one = False
    assert script.is_call(line.encode()) == one


def test_programs_are_no_calls():
    for program in (
        'guidedGallery("" + evil())',
        'guidedGallery("");evil(")")',
        'guidedGallery("\\\\");evil("\\\\")',
        'guidedGallery("a\\")',
        'guidedGallery("a")\nevil("")',
        'guidedGallery("a");',
        'evil();guidedGallery("a")',
        'guidedGallery(")',
    ):
        assert not script.is_call(program.encode()), program


def test_saving_the_same_again_leaves_the_file_alone(tmp_path):
    path = tmp_path / "gallery-data.js"
    script.save(path, {"a": "灯塔"})
    before = path.stat().st_ino
    script.save(path, {"a": "灯塔"})
    assert path.stat().st_ino == before
    assert script.load(path) == {"a": "灯塔"}


def test_half_a_letter_can_be_saved(tmp_path):
    script.save(tmp_path / "x.js", {"a": "\ud83d"})
    assert script.load(tmp_path / "x.js") == {"a": "?"}


def test_what_cannot_be_read_is_none(tmp_path):
    assert script.load(tmp_path / "none.js") is None
    (tmp_path / "other.js").write_text("alert(1)")
    assert script.load(tmp_path / "other.js") is None
    (tmp_path / "half.js").write_text('guidedGallery("{\\"a')
    assert script.load(tmp_path / "half.js") is None


@settings(deadline=None)
@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_link_is_relative_and_leads_to_the_file(name):
    address = script.link(f"folder/{name}")
    assert address.isascii()
    assert unquote(address) == f"folder/{name}"
    parts = urlparse(address)
    assert not (parts.scheme or parts.netloc or parts.query or parts.fragment)
