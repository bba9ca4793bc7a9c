"""Languages and scripts of texts, and quoted lists."""

import re
import unicodedata
from collections.abc import Sequence

ENGLISH, CHINESE = "en", "zh"
HAN = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
OTHERS = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u1100-\u11ff\uac00-\ud7af]")
LATIN = re.compile(r"[A-Za-z\u00c0-\u024f][A-Za-z\u00c0-\u024f'’-]*")
ITEM = re.compile(r"""\s*('(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[^,]*)\s*(?:,|$)""")
# The first word of a letter's Unicode name -> the common name of its script, where they differ.
SCRIPTS = {"cjk": "han", "ideographic": "han", "hiragana": "kana", "katakana": "kana"}
IGNORED = ("modifier", "feminine", "masculine", "micro", "double", "mathematical", "script")


def language(text: str) -> str:
    """Return `zh` if the text has more Han characters than Latin words, and no kana or Hangul;
    else `en`."""
    if OTHERS.search(text):
        return ENGLISH
    return CHINESE if len(HAN.findall(text)) > len(LATIN.findall(text)) else ENGLISH


def split(text: str) -> list[str]:
    """Return the parts between commas that stand outside quotes, unquoted."""
    parts, start = [], 0
    while start < len(text) and (match := ITEM.match(text, start)):
        parts.append(unquoted(match[1]))
        start = max(match.end(), start + 1)
    return parts


def lines_of(text: str) -> list[tuple[int, str]]:
    """Return the lines of a text with the numbers at which they begin.

    They end at line feeds and carriage returns only: U+2028, form feeds and their like, which word
    processors put into a line, are in it. A choice {a|b} over several lines is one line."""
    lines = re.split(r"\r\n|\r|\n", text)
    found, at = [], 0
    while at < len(lines):
        end = end_of_choice(lines, at)
        found.append((at + 1, " ".join(lines[at:end])))
        at = end
    return found


def end_of_choice(lines: Sequence[str], at: int) -> int:
    """Return the number of the lines until the end of a choice {a|b} that begins in a line and
    ends in one of the next 100; of the line itself if there is none."""
    opened, bars = 0, False
    for end in range(at, min(at + 100, len(lines))):
        signs = re.findall(r"(?<!\\)[{}|]", lines[end])
        opened += signs.count("{") - signs.count("}")
        bars = bars or "|" in signs
        if opened <= 0 or lines[at].startswith("#"):
            return end + 1 if bars else at + 1
    return at + 1


def unquoted(text: str) -> str:
    """Return the text without surrounding blanks and quotes; backslashes before quotes inside it
    are resolved."""
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in text[1:-1] else text[1:-1]
    return text


def scripts(text: str) -> set[str]:
    """Return the scripts of the text's letters, as {"latin", "han"}; digits, signs and emoji have
    none."""
    words = (
        unicodedata.name(letter, "").partition(" ")[0].partition("-")[0].lower()
        for letter in normal_width(text)
        if unicodedata.category(letter).startswith("L")
    )
    return {SCRIPTS.get(word, word) for word in words if word and word not in IGNORED}


def normal_width(text: str) -> str:
    """Return the text with full-width Latin letters and half-width kana in their normal width."""
    return "".join(
        unicodedata.normalize("NFKC", letter)
        if unicodedata.east_asian_width(letter) in ("F", "H")
        else letter
        for letter in text
    )
