"""The names of the manners of drawing, in English and Chinese, and the setting `manner`. Imports
no torch."""

from __future__ import annotations

from typing import Any

from guided.errors import BadInput, not_one_of
from guided.paths import EMBEDDED
from guided.prompts.lexicon import load
from guided.schedule import AUTO

NONE = "none"
MANNERS = (
    ("ink wash", "水墨画"),
    ("watercolour", "水彩画"),
    ("oil painting", "油画"),
    ("pencil drawing", "铅笔画"),
    ("woodblock print", "木版画"),
    ("pixel art", "像素画"),
    ("stained glass", "彩色玻璃"),
    ("mosaic", "马赛克"),
    ("neon", "霓虹"),
    ("blueprint", "蓝图"),
    ("sepia", "老照片"),
    ("night", "夜晚"),
    ("pop art", "波普艺术"),
    ("chalk drawing", "粉笔画"),
    ("line art", "线稿"),
    ("black and white", "黑白"),
    ("silhouette", "剪影"),
    ("pastel", "粉彩画"),
    ("embroidery", "刺绣"),
    ("paper cut", "剪纸"),
)
NAMES = tuple(english for english, _ in MANNERS)


def read_manner(value: Any) -> str:
    """Return the value of `manner` as an English name, `auto` or `none`. Raise BadInput for
    another."""
    if value is None or value is False:  # YAML reads `off` as false
        return NONE
    typed = " ".join(str(value).replace("_", " ").lower().split())
    if typed in (AUTO, NONE, "off"):
        return AUTO if typed == AUTO else NONE
    for english, chinese in MANNERS:
        if typed in (english, chinese):
            return english
    if isinstance(value, str) and (label := load(EMBEDDED / "lexicon.tsv").manner(typed)):
        return label  # by another name
    known = (AUTO, NONE, *NAMES)
    raise BadInput(not_one_of("manner", value, known))
