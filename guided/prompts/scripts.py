"""Which scripts a text is written in, and which CLIPs were never shown them.

A CLIP that learned from English captions finds nothing in Chinese ones (0.4 % of pictures, where a
multilingual one finds half), yet pulls as hard as if it did. Knows nothing about loading.
"""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence

# By the first word of a letter's name in Unicode, where people call the script otherwise.
NAMES = {"cjk": "han", "ideographic": "han", "hiragana": "kana", "katakana": "kana"}
IGNORED = ("modifier", "feminine", "masculine", "micro", "double", "mathematical", "script")
SPOKEN = {"han": "Chinese characters", "kana": "Japanese"}


def scripts(text: str) -> set[str]:
    """`{"latin", "han"}` and so on: of the letters; digits, signs and emoji belong to none."""
    words = (
        unicodedata.name(letter, "").partition(" ")[0].partition("-")[0].lower()
        for letter in of_usual_width(text)
        if unicodedata.category(letter).startswith("L")
    )
    return {NAMES.get(word, word) for word in words if word and word not in IGNORED}


def of_usual_width(text: str) -> str:
    """Full-width latin and half-width kana as the letters that they are."""
    return "".join(
        unicodedata.normalize("NFKC", letter)
        if unicodedata.east_asian_width(letter) in ("F", "H")
        else letter
        for letter in text
    )


def unread(
    texts: Iterable[tuple[str, Sequence[str]]], reads: Mapping[str, Sequence[str]]
) -> str | None:
    """A warning about texts that some CLIPs cannot read, and what to do; or None. Each text comes
    with the CLIPs that it is for, none: all. `reads` has for each CLIP its scripts; `any` reads
    all, and of one that has none nothing is known."""
    blind: dict[str, list[str]] = {}
    example = ""
    for text, names in texts:
        for name, known in reads.items():
            if names and name not in names:
                continue
            strange = set() if not known or "any" in known else scripts(text) - set(known)
            for script in sorted(strange):
                example = example or text
                if name not in blind.setdefault(script, []):
                    blind[script].append(name)
    if not blind:
        return None
    clips = sorted({name for names in blind.values() for name in names})
    spoken = " and ".join(SPOKEN.get(script, script.capitalize()) for script in blind)
    remedy = "clip=[chinese] or " if set(blind) == {"han"} else ""
    return (
        f"{', '.join(clips)} {'does' if len(clips) == 1 else 'do'} not read {spoken}, and "
        f"{example!r} pulls at random there; what reads it: {remedy}clip=[multilingual]"
    )
