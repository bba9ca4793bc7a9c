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
