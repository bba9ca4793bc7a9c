"""Languages, scripts and quoted lists."""

import pytest

from guided.text import language, lines_of, scripts, split, unquoted


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


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        ("'a, b', c", ["a, b", "c"]),
        (r'"say \"a, b\"",c', ['say "a, b"', "c"]),
        ("it's, c", ["it's", "c"]),
        ("", []),
    ],
)
def test_a_list_is_split_at_commas_outside_quotes(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize("text", ["a b", "a,b", "", "it's", 'say "x"', "猫、犬"])
def test_unquoting_undoes_quoting(text: str) -> None:
    for mark in "'\"":
        escaped = text.replace("\\", "\\\\").replace(mark, "\\" + mark)
        assert unquoted(f" {mark}{escaped}{mark} ") == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red heart, 16:9 ♥ 🦊!", {"latin"}),
        ("café Ærø Łódź", {"latin"}),
        ("一只猫", {"han"}),
        ("猫とＡＢＣ", {"han", "kana", "latin"}),
        ("カタカナ", {"kana"}),
        ("ｶﾀｶﾅ ｶﾞ ﾟ", {"kana"}),
        ("人々 〆", {"han"}),
        ("Ａ", {"latin"}),
        ("ﾡ", {"hangul"}),
        ("고양이", {"hangul"}),
        ("кот", {"cyrillic"}),
        ("γάτα", {"greek"}),
        ("قطة", {"arabic"}),
        ("חתול", {"hebrew"}),
        ("बिल्ली", {"devanagari"}),
        ("แมว", {"thai"}),
        ("12 % — ★ 🎨", set()),
        ("𝐛𝐨𝐥𝐝 ª ℝ", set()),
        ("", set()),
    ],
)
def test_scripts_are_those_of_the_letters(text: str, expected: set[str]) -> None:
    assert scripts(text) == expected


@pytest.mark.parametrize("mark", ["\u2028", "\u2029", "\x85", "\v", "\f", "\x1c", "\x1d", "\x1e"])
def test_only_line_feeds_and_carriage_returns_end_a_line(mark):
    text = f"a{mark}b\nc\r\nd\re"
    assert lines_of(text) == [(1, f"a{mark}b"), (2, "c"), (3, "d"), (4, "e")]


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("x\n{\na\n|b\n}\ny", [(1, "x"), (2, "{ a |b }"), (6, "y")]),
        ("a {b|\nc} d\ny", [(1, "a {b| c} d"), (3, "y")]),
        ("smile :{\ny\n:}", [(1, "smile :{"), (2, "y"), (3, ":}")]),
        ("{a|\n" * 3, [(1, "{a|"), (2, "{a|"), (3, "{a|"), (4, "")]),
        ("# {a|\nb}", [(1, "# {a|"), (2, "b}")]),
        ("{a|b}\n" + r"\{a|" + "\nb}", [(1, "{a|b}"), (2, r"\{a|"), (3, "b}")]),
    ],
)
def test_a_choice_over_several_lines_is_one_line(text, lines):
    assert lines_of(text) == lines
