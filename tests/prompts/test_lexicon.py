"""Small CLIPs read names in many languages, emoji and plurals; what they do not know is told."""

from pathlib import Path

import pytest

from guided.errors import BadInput
from guided.paths import EMBEDDED
from guided.prompts import lexicon


@pytest.fixture(scope="module")
def words() -> lexicon.Lexicon:
    return lexicon.load(EMBEDDED / "lexicon.tsv")


@pytest.mark.parametrize(
    "text",
    [
        *("un gato", "eine Katze", "Katzen", "un chat", "un gatto", "кошка", "кошку"),
        *(
            "猫",
            "一只小猫",
            "ねこ",
            "ネコ",
            "貓",
            "고양이를 그려줘",
            "แมว",
            "बिल्ली",
            "con mèo",
            "kucing",
        ),
        *("cat", "two cats", "Kittens", "🐱", "🐈", "🐈\ufe0f"),
    ],
)
def test_a_cat_is_known_in_every_language(words, text):
    reading = words.read(text)
    assert reading.known == "cat face"
    assert not reading.instead


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("a red heart on a blue background", "a red heart on a blue background"),
        ("一只可爱的狐狸", "一只可爱的狐狸"),
        ("un gato rojo", "un red cat"),
        ("un corazón azul sobre fondo blanco", "un blue heart sobre white background"),
        ("รถสีแดง", "red automobile"),
        ("manzana verde", "green apple"),
        ("🍕", "pizza"),
        ("🦊 on green", "fox on green"),
        ("badgers and cherries", "and cherries"),
        ("a black cat", "a black cat"),
        ("gato negro", "black cat"),
        ("黑猫", "黑猫"),
        ("красное сердце", "red red heart"),
        ("corazon", "red heart"),
        ("platano", "banana"),
        ("ice-cream", "ice cream"),
        ("an orange", "a tangerine"),  # the fruit, as nothing else is named
        ("an orange cat", "an orange cat"),
        ("a piano", "an accordion"),  # the nearest, with its article
        ("文森特·梵高的猫", "油画的猫"),
    ],
)
def test_texts_become_what_the_clips_were_trained_on(words, text, read):
    assert words.read(text).text == read


@pytest.mark.parametrize(
    ("text", "known", "beside"),
    [
        ("a cat and a dog", "cat face", ["dog"]),
        ("房子前的猫", "cat face", ["房子"]),
        ("森林里的狐狸", "fox", []),
        ("a cat, by Hokusai, waves and mountains", "cat face", ["waves", "mountains"]),
        ("狗狗", "dog face", []),
        ("玫瑰花", "rose", []),
        ("a red heart ❤️", "red heart", []),
        ("花の上のネコ", "cat face", ["花"]),
    ],
)
def test_one_thing_is_drawn_and_the_others_are_told(words, text, known, beside):
    reading = words.read(text)
    assert (reading.known, reading.beside) == (known, beside)


def test_what_is_not_known_is_told_with_the_nearest_of_its_family(words):
    reading = words.read("a donkey")
    assert reading.instead == {"donkey": "horse"}
    assert words.entries["horse"].family == words.entries["donkey"].family == "animal-mammal"
    nothing = words.read("a bridge at noon")
    assert (nothing.known, nothing.instead) == (None, {})
    assert nothing.left_out == ["bridge", "noon"]
    assert nothing.text == "a bridge at noon"


def test_words_that_are_not_known_do_not_reach_the_clips_beside_a_thing(words):
    assert words.read("a cat, by Xyzzy, vivid yellow and blue").text == (
        "a cat, by, yellow and blue"
    )
    assert words.read("кошка на лугу").text == "cat"


def test_every_word_that_the_clips_were_trained_on_is_read_as_it_is(words):
    trained = (EMBEDDED / "words.txt").read_text(encoding="utf-8").split("\n")
    assert {label for label, one in words.entries.items() if one.known and one.is_object} == {
        label for label in trained if label
    }
    for label in filter(None, trained):
        reading = words.read(label)
        assert (reading.known, reading.text) == (label, label)


@pytest.mark.parametrize(
    "text", ["", " ", "!?", "a" * 20_000, "\u202e\x1b[2J", "猫" * 3000, "😀" * 500]
)
def test_any_text_has_a_reading(words, text):
    assert isinstance(words.read(text).text, str)


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        (":)", True),
        ("<3", True),
        ("the", True),
        ("blue", False),
        ("a cat", False),
        ("watercolour", True),
    ],
)
def test_a_text_without_anything_to_draw_is_empty(words, text, empty):
    assert words.read(text).empty == empty


@pytest.mark.parametrize("content", [b"a\tb\n", b"\xff\xfe\x00", b"x" * (lexicon.LARGEST + 1)])
def test_a_file_that_is_no_lexicon_is_refused_in_one_line(tmp_path: Path, content: bytes):
    path = tmp_path / "words.tsv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="lexicon=") as caught:
        lexicon.load(path)
    assert "\n" not in str(caught.value)


def test_the_first_of_several_manners_is_read_by_the_name_that_the_clips_know():
    rows = [
        ["cat", "猫", "🐱", "animal", "known", "", "cat|猫", ""],
        [
            "oil painting",
            "油画",
            "",
            "manner",
            "known",
            "",
            "oil painting|油画",
            "oils|claude monet",
        ],
        ["ink wash", "水墨画", "", "manner", "known", "", "ink wash|水墨画", "sumi-e"],
    ]
    book = lexicon.made_of(rows)
    assert book.read("a cat by Claude Monet, sumi-e").text == "a cat by oil painting"
    assert book.read("猫，油画").text == "猫，油画"
    assert book.read("a cat, oils").known == "cat"
    assert not book.entries["ink wash"].is_object


@pytest.mark.parametrize(
    ("text", "manner"),
    [
        ("watercolour painting, transparent washes", "watercolour"),
        ("by Katsushika Hokusai, bold contours", "woodblock print"),
        ("oils on canvas", "oil painting"),
        ("calm, gentle light", ""),
    ],
)
def test_the_manner_that_words_name(words, text, manner):
    assert words.manner(text) == manner


@pytest.mark.parametrize(
    ("text", "other", "never"),
    [
        ("a red cat", "a red dog", "a red cat"),
        ("gato rojo", "red dog", "red cat"),
        ("红色的猫", "红色的太阳", "红色的猫"),
        ("a red cat", "a blue cat", "a red cat"),
        ("un gato negro", "un yellow cat", "un black cat"),
        ("红色的猫", "蓝色的猫", "红色的猫"),
        ("紅色的貓", "蓝色的猫脸", "红色的猫脸"),
        ("a cat on a blue background", "a cat on a red background", "a cat on a blue background"),
        ("watercolour of a cat", "watercolour of a dog", "watercolour of a cat"),
        ("watercolour of a cat", "neon of a cat", "watercolour of a cat"),
    ],
)
def test_alternatives_differ_from_a_text_in_one_part(words, text, other, never):
    found = words.alternatives(text)
    assert other in found and never not in found
    assert len(found) == len(set(found))


@pytest.mark.parametrize(
    ("text", "known"), [("橙色", None), ("橙", "tangerine"), ("an orange", "tangerine")]
)
def test_a_colour_is_a_fruit_unless_it_can_only_be_a_colour(words, text, known):
    assert words.read(text).known == known


def test_a_text_without_a_thing_has_no_alternatives(words):
    assert words.alternatives("red") == words.alternatives("a mzq") == []


@pytest.mark.parametrize(
    ("text", "rest", "manner"),
    [
        ("watercolour of a cat", "a cat", "watercolour"),
        ("a watercolor painting of a red cat", "a red cat", "watercolour"),
        ("a cat in watercolour", "a cat", "watercolour"),
        ("a cat by Claude Monet", "a cat", "oil painting"),
        ("a cat in the style of Hokusai", "a cat", "woodblock print"),
        ("a neon cat", "a cat", "neon"),
        ("水彩画风格的猫", "猫", "watercolour"),
        ("一只猫的剪影", "一只猫", "silhouette"),
        ("a red cat", "a red cat", ""),
        ("neon", "neon", ""),  # nothing else is in it
        ("a cat in the style of an oil painting", "a cat", "oil painting"),
        ("(watercolour) cat", "cat", "watercolour"),
        ("用水彩画一只猫", "一只猫", "watercolour"),
        ("black and white photo of a cat", "photo of a cat", "black and white"),
        ("a cat, black and white", "a cat", "black and white"),
        # What describes the thing, or another one, is no manner.
        ("a black and white cat on red", "a black and white cat on red", ""),
        ("黑白猫", "黑白猫", ""),
        ("a cat on a mosaic floor", "a cat on a mosaic floor", ""),
        ("a pink cat with neon eyes", "a pink cat with neon eyes", ""),
    ],
)
def test_a_text_is_read_without_its_manner(words, text, rest, manner):
    reading = words.read(text)
    assert (reading.plain, reading.manner) == (rest, manner)


@pytest.mark.parametrize(
    ("text", "colours"),
    [
        ("a blue cat", ("blue",)),
        ("a big red shiny car", ("red",)),
        ("一只黑色的大猫", ("black",)),
        ("un gato azul", ("blue",)),
        ("une rose rouge", ("red",)),  # rose is an English word too
        ("青い猫", ("blue",)),
        ("watercolour of a golden star", ("yellow",)),
        ("a red and yellow bird", ("yellow", "red")),
        ("black cat with green eyes", ("black",)),
        ("a cat with a blue hat", ()),
        ("a red star and a cat", ("red",)),
        ("gato azul sobre fondo rojo", ("blue",)),
        ("gato con fondo azul", ()),
        ("蓝色背景的红色汽车", ("red",)),
        ("a cat on a blue background", ()),
        ("an orange", ()),  # the fruit
        ("a red apple", ()),  # its name
        ("a blue dragonfruit", ()),  # no thing is known
    ],
)
def test_the_colours_of_the_thing_are_those_beside_it(text, colours):
    assert lexicon.load(EMBEDDED / "lexicon.tsv").read(text).colours == colours


@pytest.mark.parametrize(
    ("text", "known", "left_out"),
    [
        ("下雨的城市", "cloud with rain", ["城市"]),  # a city is no castle
        ("马路上的红色汽车", "automobile", ["马路"]),  # nor a road a horse
        ("鱼缸里的金鱼", "tropical fish", ["鱼缸"]),
        ("冰箱", None, ["冰箱"]),
        ("渔船", "ship", []),  # the end of a word says what it is
        ("一杯咖啡", "hot beverage", []),
    ],
)
def test_chinese_words_are_not_taken_for_their_parts(text, known, left_out):
    reading = lexicon.load(EMBEDDED / "lexicon.tsv").read(text)
    assert (reading.known, reading.left_out) == (known, left_out)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("black cat with green eyes", "black cat with"),
        ("a cat under a bright blue sky", "a cat under a bright"),
        ("一辆红色的汽车和蓝色的房子", "一辆的和蓝色的房子"),
        ("a big red shiny car", "a big red car"),
        ("a cat on a shiny blue background", "a cat on a blue background"),
        ("gato con fondo azul precioso", "cat con blue background"),
    ],
)
def test_what_is_left_out_takes_its_colour_along(text, read):
    assert lexicon.load(EMBEDDED / "lexicon.tsv").read(text).text == read
