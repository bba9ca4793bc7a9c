"""The gallery's page: its own scripts alone may run, and a page of somebody else's stays."""

import base64
import hashlib
import os
import re
from html.parser import HTMLParser

import pytest

from guided.gallery import page, pages
from tests.gallery.batches import sweep


class Elements(HTMLParser):
    """The elements of a page as a browser finds them: (tag, attributes), and texts inside."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {"script": [], "style": []}
        self.inside = ""

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))
        if tag in self.texts:
            self.texts[tag].append("")
            self.inside = tag

    def handle_endtag(self, tag):
        self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.texts[self.inside][-1] += data


@pytest.fixture(scope="module")
def elements() -> Elements:
    parser = Elements()
    parser.feed(page.render())
    return parser


@pytest.fixture(scope="module")
def policy(elements) -> dict[str, list[str]]:
    """The directives of the content security policy."""
    (content,) = (
        attributes["content"]
        for tag, attributes in elements.found
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    )
    return {name: rest for name, *rest in map(str.split, content.split(";"))}


@pytest.mark.parametrize("kind", ["script", "style"])
def test_the_policy_allows_the_pages_own_texts_by_their_hashes(elements, policy, kind):
    """By W3C's CSP 3: base64 of SHA-256 of the element's text in UTF-8."""
    texts = [text for text in elements.texts[kind] if text.strip()]
    assert texts
    for text in texts:
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy[f"{kind}-src"]


def test_the_policy_allows_nothing_of_elsewhere(policy):
    allowed = {one for sources in policy.values() for one in sources}
    plain = {one for one in allowed if not one.startswith("'sha256-")}
    assert policy["default-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert plain == {"'none'", "'self'", "file:", "'strict-dynamic'"}


def test_the_page_fetches_nothing_and_has_no_handlers_in_attributes(elements):
    """Handlers and styles in attributes would be refused by the policy."""
    for tag, attributes in elements.found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), tag
        assert not (tag == "script" and "src" in attributes)
        assert not (tag == "link" and re.match("(?:https?:)?//", attributes.get("href") or ""))


def test_every_source_file_is_in_the_page():
    scripts = {path.stem for path in page.SOURCES.glob("*.js")}
    assert scripts - {"preview"} == set(page.SCRIPTS)  # a film's preview is a page of its own
    html = page.render()
    assert html.count(page.source("style.css")) == 1
    for name in page.SCRIPTS:
        first = page.source(f"{name}.js").splitlines()[0]
        assert first.startswith("// ")
        assert html.count(first) == 1
    assert "{{" not in re.sub("<(script|style)>.*?</\\1>", "", html, flags=re.DOTALL)


# ---- writing -------------------------------------------------------------------------------


def test_a_page_that_is_there_is_not_written_again(tmp_path):
    page.write(tmp_path)
    before = (tmp_path / page.NAME).stat()
    page.write(tmp_path)
    after = (tmp_path / page.NAME).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert (tmp_path / page.NAME).read_text(encoding="utf-8") == page.render()


def test_a_page_of_another_version_is_replaced(tmp_path):
    (tmp_path / page.NAME).write_bytes(b"<head>" + page.MARK + b"</head> of 0.1")
    page.write(tmp_path)
    assert (tmp_path / page.NAME).read_text(encoding="utf-8") == page.render()


def test_nothing_is_written_through_a_link(tmp_path, caplog):
    mine = tmp_path / "mine.html"
    mine.write_bytes(page.MARK + b"mine")
    (tmp_path / page.NAME).symlink_to(mine)
    page.write(tmp_path)
    assert mine.read_bytes() == page.MARK + b"mine"
    assert (tmp_path / page.NAME).is_symlink()
    assert "stays" in caplog.text


@pytest.fixture
def batch(tmp_path):
    folder = tmp_path / "outputs" / "2026-11-22" / "142233-a-lighthouse"
    sweep(folder)
    return folder


@pytest.mark.parametrize("when", [1, 2e9])
def test_a_page_of_somebody_elses_stays_and_that_is_told(batch, caplog, when):
    (batch / "index.html").write_text("<h1>mine</h1>")
    os.utime(batch / "index.html", (when, when))
    pages.update(batch, now=True)
    pages.update(batch, now=True)
    assert (batch / "index.html").read_text() == "<h1>mine</h1>"
    assert [str(batch / "index.html") in line for line in caplog.messages] == [True]


@pytest.mark.parametrize("when", [1, 2e9])
def test_a_page_that_says_it_is_ours_and_is_not_is_replaced(batch, when):
    pages.update(batch, now=True)
    (batch / "index.html").write_bytes(page.MARK + b"<script>evil()</script>")
    os.utime(batch / "index.html", (when, when))
    pages.update(batch, now=True)
    assert (batch / "index.html").read_text() == page.render()
