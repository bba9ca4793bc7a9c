"""Pages as a browser builds them, by Node and fake_browser.js: no styles, no pictures."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

VOID = {"meta", "input", "br", "img", "link"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, Any] = field(default_factory=dict)
    children: list[Any] = field(default_factory=list)  # elements and texts

    def __iter__(self) -> Iterator[Element]:
        """Yield this element and all below, in the order of the page."""
        yield self
        for child in self.children:
            if isinstance(child, Element):
                yield from child

    def all(self, tag: str = "", kind: str = "") -> list[Element]:
        """Return the elements below of a tag and a class."""
        return [
            one for one in self
            if one is not self and tag in ("", one.tag)
            and (not kind or kind in one.attributes.get("className", "").split())
        ]  # fmt: skip

    def one(self, tag: str = "", kind: str = "") -> Element:
        (found,) = self.all(tag, kind)
        return found

    def by_id(self, name: str) -> Element:
        (found,) = [one for one in self if one.attributes.get("id") == name]
        return found

    @property
    def text(self) -> str:
        return "".join(c.text if isinstance(c, Element) else c for c in self.children)

    @property
    def hidden(self) -> bool:
        return "hidden" in self.attributes


class Tree(HTMLParser):
    """The elements of HTML."""

    def __init__(self) -> None:
        super().__init__()
        self.open = [Element("")]

    def handle_starttag(self, tag, attributes):
        element = Element(tag, {name: value or "" for name, value in attributes})
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_endtag(self, tag):
        assert self.open.pop().tag == tag

    def handle_data(self, data):
        self.open[-1].children.append(data)


def look(folder: Path, *steps: str, language: str = "en") -> Element:
    """Return the page of a folder as a browser shows it, after `steps`, programs that act."""
    node = shutil.which("node") or pytest.skip("there is no Node")
    tree = Tree()
    tree.feed((folder / "index.html").read_text(encoding="utf-8"))
    (html,) = (one for one in tree.open[0].children if isinstance(one, Element))
    program = html.one("script").text
    html.one("script").children, html.one("style").children = [], []
    data = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*.js")
    }
    given = {"html": html, "program": program, "data": data, "steps": steps, "language": language}
    text = json.dumps(given, default=vars)
    done = subprocess.run(
        [node, str(Path(__file__).with_name("fake_browser.js"))],
        input=text, capture_output=True, text=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return built(json.loads(done.stdout))


def built(tree: Any) -> Any:
    if isinstance(tree, str):
        return tree
    return Element(tree["tag"], tree["attributes"], [built(child) for child in tree["children"]])


def click(number: int) -> str:
    """A step that opens the nth picture of the page."""
    return f"open(document.querySelectorAll('a.card')[{number}])"
