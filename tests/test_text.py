"""Which of two languages a text is in decides in which of them an artist is named."""

import pytest

from guided.text import language


@pytest.mark.parametrize(
    "text", ["一只猫", "梵高的 cat", "一座灯塔，neon", "貓", "𠮷野家的碗", "一只 3D 猫"]
)
def test_mostly_han_is_chinese(text: str) -> None:
    assert language(text) == "zh"


@pytest.mark.parametrize(
    "text",
    ["a cat", "", "123", "猫のいる海", "ねこ", "고양이", "金弘道의 그림", "un café", "кошка",
     "a poster that says 你好", "a cat, sitting: 一只猫"],
)  # fmt: skip
def test_everything_else_is_spoken_to_in_english(text: str) -> None:
    """Also Japanese, whose kanji alone would look Chinese."""
    assert language(text) == "en"
