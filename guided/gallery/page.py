"""index.html: the same page in every folder; gallery-data.js has the data of the pictures.

Styles and scripts are inside the page; the scripts are modules, which the studio's page shares.
Its content security policy allows nothing else: a script in a prompt has the wrong hash, and no
address outside the folder is fetched.
"""

from __future__ import annotations

import base64
import hashlib
import logging
import re
from functools import cache
from pathlib import Path
from typing import Any

from guided.gallery import script
from guided.runs import files

log = logging.getLogger(__name__)
NAME = "index.html"
SOURCES = Path(__file__).parent / "page"
SCRIPTS = (
    "words",
    "loading",
    "pictures",
    "filters",
    "wall",
    "grid",
    "making",
    "lightbox",
    "main",
)
# Statements of modules, which a page from disk cannot load: there, all are one script.
MODULES = re.compile(r"^import [^;]+;\n|^export (?=\w)", re.MULTILINE)
MARK = b'<meta name="generator" content="guided">'


def write(folder: Path) -> None:
    """Write the page if it is missing or of another version. A file that is no page of this
    program stays, with a warning."""
    path = folder / NAME
    new = render().encode()
    old = script.read(path)
    if old == new:
        return
    if path.is_symlink() or (old is not None and MARK not in old):
        warn_of_foreign_page(path)
        return
    files.write(path, new)


@cache  # one warning for each path
def warn_of_foreign_page(path: Path) -> None:
    log.warning("%s is not a page of this program and stays: the gallery has no page there", path)


@cache
def render() -> str:
    """Return the page's HTML."""
    style = source("style.css")
    program = "".join(MODULES.sub("", source(f"{name}.js")) for name in SCRIPTS)
    program = f'"use strict";\n{{\n{program}}}\n'
    # The page's own script may load the data; no other script may run.
    own = f"{digest(program)} 'strict-dynamic'"
    return template("page.html").render(
        style=Trusted(style), program=Trusted(program), policy=policy(style, own)
    )


def template(name: str) -> Any:
    """Return the template of a page, which escapes every text that is not Trusted."""
    import jinja2  # slow to import, and needed once in a batch

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(SOURCES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        keep_trailing_newline=True,
    )
    return environment.get_template(name)


def policy(style: str, scripts: str = "'none'") -> str:
    """Return the content security policy of a page with this style and these scripts."""
    return "; ".join(
        (
            "default-src 'none'",
            "img-src 'self' file:",
            "media-src 'self' file:",
            f"script-src {scripts}",
            f"style-src {digest(style)}",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


class Trusted(str):
    """A source text of this program, which autoescape leaves unchanged."""

    def __html__(self) -> str:
        return self


def source(name: str) -> str:
    return (SOURCES / name).read_text(encoding="utf-8")


def digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
