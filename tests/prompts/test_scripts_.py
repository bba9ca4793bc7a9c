"""Scripts of texts, and the warning about CLIPs that cannot read them."""

import pytest

from guided.prompts.scripts import scripts, unread


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


LATIN, CHINESE, ALL = {"vit_b32": ["latin"]}, {"chinese": ["latin", "han"]}, {"multi": ["any"]}


def test_chinese_for_an_english_clip_is_told_with_the_remedy() -> None:
    said = unread([("a cat", ()), ("一只猫", ())], LATIN | CHINESE | ALL)
    for part in ("vit_b32 does not read Chinese", "'一只猫'", "clip=[chinese]", "[multilingual]"):
        assert part in said
    assert "multi " not in said
    assert "\n" not in said


def test_other_scripts_need_the_multilingual_one() -> None:
    said = unread([("рыжий кот", ())], LATIN | CHINESE)
    assert "chinese, vit_b32 do not read Cyrillic" in said
    assert "clip=[multilingual]" in said
    assert "clip=[chinese]" not in said


@pytest.mark.parametrize(
    ("texts", "reads"),
    [
        ([("a cat", ())], LATIN),
        ([("一只猫", ())], CHINESE | ALL),
        ([("一只猫", ("chinese",))], LATIN | CHINESE),  # not meant for the other
        ([("一只猫", ())], {"unknown": []}),
        ([("🦊 16:9", ())], LATIN),
        ([], LATIN),
    ],
)
def test_what_is_understood_or_unknown_is_not_warned_of(texts, reads) -> None:
    assert unread(texts, reads) is None
