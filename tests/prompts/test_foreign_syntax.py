"""What other programs' users paste is told, and plain prose is not."""

import pytest

from guided.prompts.foreign_syntax import notes, rows


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a cat in a (hat:1.3)", ["(hat:1.3)", "AUTOMATIC1111", "a hat:1.3"]),
        ("a cat in a ((hat))", ["((hat))", "AUTOMATIC1111"]),
        ("a [cat] on a mat", ["[cat]", "AUTOMATIC1111"]),
        ("a [cat:dog:0.5]", ["[cat:dog:0.5]", "until"]),
        (r"a cat \(film\)", ["backslash"]),
        ("a cat <lora:x:1>", ["<lora:x:1>", "model="]),
        ("a cat, embedding:EasyNegative", ["ComfyUI"]),
        ("a <cat-toy>", ["diffusers"]),
        ("a cat —ar 16:9", ["Midjourney", "size="]),
        ("a cat --seed 5", ["--seed 5", "seed=5"]),
        ("hot:: dog", ["hot::", "Midjourney", "list"]),
        ("a cat::2 a dog::-0.5", ["cat::2", "Midjourney"]),
        ("1.3::a cat:: sitting", ["1.3::a cat::", "NovelAI"]),
        ("/imagine prompt: a cat", ["/imagine"]),
        ("https://x.org/a.png a cat", ["image_prompt="]),
        ("a cat BREAK a dog", ["BREAK", "prompt='[\"a cat\", \"a dog\"]'"]),
        ("a cat AND a dog", ["AND", "prompt='[\"a cat\", \"a dog\"]'"]),
        ("a lake:0.25 | a hill:0.5 | fog:0.25",
         ["|", "VQGAN-CLIP", 'prompt=\'["a lake:0.25", "a hill:0.5", "fog:0.25"]\'']),
        ("a | b:2", ["prompt='[\"a\", \"b:2\"]'"]),
        ("a lake｜a hill", ["｜", "layout=row", "prompt='[\"a lake\", \"a hill\"]'"]),
        ("a cat++ on a mat", ["InvokeAI"]),
        ("a (cat)1.3", ["InvokeAI"]),
        ('("a cat", "a dog").blend(0.5, 0.5)', ["InvokeAI", "list"]),
        ("a {cat}", ["NovelAI", "{red|blue}"]),
        ("a {{cat}}", ["{{cat}}", "NovelAI"]),
        ("a {red|blue cat", ["brace"]),
        ("a {red {big}|blue} cat", ["NovelAI", "brace"]),
        ("${x={a|b}} ${x}", ["variable", "dynamic-prompts"]),
        ("a __dark colours__ cat", ["__dark colours__", "list"]),
        ("a {red:3|blue} cat", ["{3::red|blue}"]),
        ("a {red::3|blue} cat", ["{3::red|blue}"]),
        ("a {-1::red|blue} cat", ["{3::red|blue}"]),
        ("fog:1e3", ["exponent"]),
        ("fog:0,5", ["decimal comma"]),
        ("fog: 0.5", ["blank"]),
        ("castle : 2", ["blank"]),
        ("note: 5", ["blank"]),
        ("12", ["only a number"]),
        ('"a cat","a dog"', ["brackets"]),
        ("“一只猫”，“雾”", ["brackets"]),
        ('"a cat" "a dog"', ["brackets"]),
        ("castle:2, mist:1", ["castle:2", '["castle:2", "mist:1"]']),
        ("城堡：2，雾", ["城堡：2", '["城堡：2", "雾"]']),
        ("(castle:2, mist)", ["castle:2", "list"]),
        ('("castle", 2)', ["Python", "castle:2"]),
        ("\u200b \u202e", ["invisible"]),
        ("=a castle", ["equals sign", "prompt="]),
        ('("castle", "fog")', ["Python", "square brackets"]),
        ("('castle',)", ["Python", "square brackets"]),
        ("0.5: a tree", ["{0: a seed, 0.4: a tree}"]),
        ("a cat seed=5", ["seed=5", "outside"]),
        ("a cat:50%", ["no weight"]),
        ("a cat:x2", ["no weight"]),
        ("a cat:½", ["no weight"]),
        ("fog:2 castle:1", ["fog:2 castle:1", "list"]),
        ("雾:2 城堡:1", ["雾:2 城堡:1", "list"]),
        ("{text: fog, clips: a, b}", ["well-formed"]),
        ("{text=fog, weight=2}", ["well-formed"]),
        ("[a, b]:2", ["own weight"]),
        ("(a, b):2", ["own weight"]),
        ("EasyNegative, blurry", ["embedding"]),
        ("fog:1/2", ["no weight"]),
        ("fog:--2", ["no weight"]),
        ("fog:- 2", ["no weight"]),
        ("fog:inf", ["no weight"]),
        ("雾:二", ["no weight"]),
        ("雾=2", ["no weight"]),
        ("a cat:0.5.", ["no weight"]),
        ("a cat:0.5;", ["cat:0.5"]),
        ("prompts.txt", ["prompts=FILE"]),
        ("my/photo.jpg", ["image_prompt=FILE"]),
        ("a cat:1.5:2", ["stop", "weight: 1.5"]),
        ("a {2$red|blue}", ["2$", "{2$$red|green|blue}"]),
        ("a {@red|blue}", ["@red", "dynamic-prompts"]),
        ("masterpiece, cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, CFG scale: 7",
         ["negative=", "steps="]),
    ],
)  # fmt: skip
def test_each_has_a_note(text, said):
    found = "; ".join(notes(text))
    assert all(part in found for part in said), found
    assert "\n" not in found


@pytest.mark.parametrize(
    "text",
    [
        "a red heart",
        "a photo in 16:9",
        "the clock shows 12:30",
        "Blade Runner 2049:1.5",
        "SALT AND PEPPER",
        "salt and pepper",
        "a cat (sitting), e=mc2 & 50% off",
        "C++ and A+",
        "well--he said",
        "an em—dash",
        "it's a dog's life",
        'she said "hello"',
        "“Nevermore” said the raven",
        "smile :) and :( and <3",
        "https://example.com/a:b",
        "一行白鹭上青天，两个黄鹂鸣翠柳",
        "snake_case __init",
        "a {red|blue|3::green} __animal__ by __artist__",
        "a {2$$red|green|blue} {1-2$$ and $$a|b} {2$$__animal__} {2$$3::a|b} {a|{b|c}} {|s}",
        "{16:9|4:3} at {12:30|13:00}",
        r"\{not|a wildcard\} \__nor_this\__",
        "__sub/deep__ __*__ __trees/*__",
        "fog:0.5",
        "fog:-2",
        "ratio 1:2:3",
        "Genesis 3:16, a garden",
        "E=mc2 and a=b",
        "at 12:30, noon",
        "at 12:30.",
        "a note: 5 of them, and more",
        "half:half",
        "text: a sign",
        "a file.txt on a desk",
        "a ｛红｜3：：蓝｝ 猫",
    ],
)
def test_prose_has_none(text):
    assert notes(text) == []


def test_every_row_of_the_table_is_in_order():
    assert all(row.about and not row.about.endswith(".") for _, row in rows())


@pytest.mark.parametrize(
    "letters", ["{a|", "(", "[", "__", "::", '"a",', "a | ", "\\(", "{{", "<", "--a "]
)
def test_a_long_prompt_of_any_sign_is_read_at_once(letters):
    """Its time is not measured: with a pattern that backtracks it would not end."""
    assert len(notes(letters * 20_000)) <= 6
