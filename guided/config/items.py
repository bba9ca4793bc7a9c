"""The items of a list as it is typed on the command line. Knows nothing about what they mean."""

import re

ITEM = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,]*)\s*(?:,|$)""")


def split(text: str) -> list[str]:
    """At commas outside quotes."""
    found, at = [], 0
    while at < len(text):
        match = ITEM.match(text, at)
        found.append(unquoted(match[1]))
        at = max(match.end(), at + 1)
    return found


def unquoted(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in text[1:-1] else text[1:-1]
    return text
