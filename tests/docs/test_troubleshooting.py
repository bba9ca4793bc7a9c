"""The messages that docs/troubleshooting.md quotes are messages of the program."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

import guided
from docs.generate import DOCS

SETTINGS = re.compile(r"^[\w.]+=\S*$")  # settings of the command line, which are no messages
FOREIGN = ("zsh: no matches found",)  # of other programs


def quoted_messages() -> list[str]:
    """Return what stands in backquotes in the first column of tables of messages."""
    messages, is_table = [], False
    for line in (DOCS / "troubleshooting.md").read_text(encoding="utf-8").splitlines():
        if not line.startswith("|"):
            is_table = False
        elif line.startswith(("| The message says", "| What you see", "| What happens")):
            is_table = True
        elif is_table:
            messages += re.findall(r"`([^`]+)`", line.split(" | ")[0])
    return [one for one in messages if not SETTINGS.match(one) and one not in FOREIGN]


@cache
def texts_of_the_program() -> str:
    """Return every string of the source but docstrings; a placeholder of an f-string is a NUL."""
    texts = []
    for path in Path(guided.__file__).parent.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
        docstrings = {id(node.value) for node in nodes if isinstance(node, ast.Expr)}
        for node in nodes:
            if id(node) in docstrings:
                continue
            if isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "\0" for p in node.values)
                texts.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return "\n".join(texts)


def fixed_parts(message: str) -> list[str]:
    """Return the parts of a quoted message between its dots."""
    return [part for one in message.split("...") if (part := one.strip(" ?."))]


def test_messages_are_found_in_the_page() -> None:
    assert len(quoted_messages()) > 20
    assert fixed_parts("... must be ...; the nearest is ...") == ["must be", "; the nearest is"]


@pytest.mark.parametrize("message", quoted_messages())
def test_the_program_has_a_quoted_message(message: str) -> None:
    for part in fixed_parts(message):
        assert part in texts_of_the_program(), part
