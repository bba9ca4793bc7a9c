"""index.html: one page for every folder, into which gallery-data.js brings the pictures.

Styles and scripts are inside it, so that it is one file, and its policy lets nothing else run: a
script that came in with a prompt has not the right hash, and no address outside is ever asked.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from functools import cache
from pathlib import Path

from guided.gallery import script
from guided.runs import record

log = logging.getLogger(__name__)
NAME = "index.html"
SOURCES = Path(__file__).parent / "page"
SCRIPTS = ("words", "pictures", "filters", "wall", "grid", "making", "lightbox", "main")
MARK = b'<meta name="generator" content="guided">'


def write(folder: Path) -> None:
    """Once, and again where it is not the page of this program; somebody else's stays."""
    path = folder / NAME
    new = render().encode()
    there = script.read(path)
    if there == new:
        return
    if path.is_symlink() or (there is not None and MARK not in there):
        tell_of_other(path)
        return
    record.write(path, new)


@cache
def tell_of_other(path: Path) -> None:
    """Once."""
    log.warning("%s is not a page of this program and stays: the gallery has no page there", path)


@cache
def render() -> str:
    import jinja2  # takes a moment, and is needed once in a batch

    loader = jinja2.FileSystemLoader(SOURCES)
    environment = jinja2.Environment(
        loader=loader,
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    style = source("style.css")
    program = "".join(source(f"{name}.js") for name in SCRIPTS)
    program = f'"use strict";\n{{\n{program}}}\n'
    return environment.get_template("page.html").render(
        style=Trusted(style),
        program=Trusted(program),
        policy="; ".join(
            (
                "default-src 'none'",
                "img-src 'self' file:",
                "media-src 'self' file:",
                # Our script may load the data; nothing that stands in the page may run.
                f"script-src {digest(program)} 'strict-dynamic'",
                f"style-src {digest(style)}",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


class Trusted(str):
    """Our own source text, which autoescape leaves as it is."""

    def __html__(self) -> str:
        return self


def source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
