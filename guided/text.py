"""Which of the two languages that the program speaks a text is written in. Knows nothing about
what CLIPs can read (models/scripts.py)."""

import re

ENGLISH, CHINESE = "en", "zh"
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
OTHERS = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\uac00-\ud7af]")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f'’-]*")


def language(text: str) -> str:
    """`zh` where it has more Han characters than Latin words, and no kana or Hangul; else `en`."""
    if OTHERS.search(text):
        return ENGLISH
    return CHINESE if len(HAN.findall(text)) > len(LATIN.findall(text)) else ENGLISH


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
