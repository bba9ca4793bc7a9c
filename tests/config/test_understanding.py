"""What small CLIPs do not know of a prompt is told before it is drawn, in its language."""

import logging

import pytest

from guided.config import understanding
from guided.config.messages import words_for
from guided.config.plan import Plan
from guided.models.cards import ClipCard
from guided.prompts.prompt import Prompt
from tests.composing import composed

SMALL = ClipCard("small", path="embedded/clip_a", lexicon="embedded/lexicon.tsv")
LARGE = ClipCard("large", "ViT-B-32", "openai", megabytes=605)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a donkey", ['"donkey" is not known', '"horse" is drawn instead', "words=list"]),
        ("a bridge at noon", ['"bridge", "noon" are not known', "smear"]),
        ("a cat in a forest", ['"forest" is not known and left out']),
        ("a cat and a dog", ['"dog" is left out']),
        ("森林里的驴", ["不认识“驴”，改画“马”", "不认识“森林”，略去", "words=list"]),
        ("осёл", ['"осёл" is not known']),
        ("a sunflwer", ['"sunflwer" (did you mean "sunflower"?) is not known', "smear"]),
        ("Sunflwer, noon", ['"Sunflwer" (did you mean "sunflower"?), "noon" are not known']),
        ("👩", ['"👩" is not known', "smear"]),
        ("not a cat", ["negative= keeps things away"]),
        ("two cats", ["one thing is drawn at a time"]),
        (":)", ["nothing in it says what to draw"]),
        ("Vincent van Gogh", ["nothing in it says what to draw"]),
        ("三只猫", ["一次只画一样事物"]),
        ("没有猫", ["negative="]),
    ],
)
def test_what_is_lost_is_told(text, parts):
    (line,) = understanding.warnings([Prompt(text)], {"small": SMALL})
    assert "\n" not in line
    for part in parts:
        assert part in line


@pytest.mark.parametrize("text", ["Albert Einstein", "nail", "street", "forest", "fruit"])
def test_what_is_like_no_name_is_not_asked_about(text):
    """Nail is no slip for snail, nor Einstein for tennis."""
    (line,) = understanding.warnings([Prompt(text)], {"small": SMALL})
    assert "did you mean" not in line


def test_a_negative_text_that_is_not_known_keeps_nothing_away():
    (line,) = understanding.warnings([Prompt("people", -0.5)], {"small": SMALL})
    assert '"people" is not known, which hardly keeps anything away' in line
    assert "smear" not in line


@pytest.mark.parametrize(
    "text", ["a red heart", "un gato", "🍕", "一只狐狸", "cats on blue", "two hearts", "两颗心"]
)
def test_what_is_known_needs_no_warning(text):
    assert list(understanding.warnings([Prompt(text)], {"small": SMALL})) == []


def test_a_large_clip_knows_everything():
    prompts = [Prompt("a donkey")]
    assert list(understanding.warnings(prompts, {"small": SMALL, "large": LARGE})) == []
    only = [Prompt("a donkey", clips=("small",))]
    assert len(list(understanding.warnings(only, {"small": SMALL, "large": LARGE}))) == 1
    assert understanding.understood(prompts, {"large": LARGE}, filters=False) == {}


def test_presets_whose_words_are_not_known_are_named():
    texts = {"van_gogh": "swirling brushstrokes", "cartoon": "cartoon style"}
    line = understanding.warning_of_presets(texts, {"small": SMALL})
    assert line and "van_gogh" in line and "cartoon" not in line
    assert understanding.warning_of_presets(texts, {"large": LARGE}) is None


def test_a_plan_tells_and_records_how_prompts_are_understood(caplog):
    with caplog.at_level(logging.WARNING):
        plan = Plan.read(composed(words_for("un burro rojo", (), {"seed": 1})))
    assert '"burro" is not known' in caplog.text
    assert plan.understood(1) == {"un burro rojo": "un red horse"}


LATIN, CHINESE, ALL = {"vit_b32": ["latin"]}, {"chinese": ["latin", "han"]}, {"multi": ["any"]}


def test_chinese_for_an_english_clip_is_told_with_the_remedy() -> None:
    said = understanding.unreadable([Prompt("a cat"), Prompt("一只猫")], LATIN | CHINESE | ALL)
    for part in ("vit_b32 does not read Chinese", "'一只猫'", "clip=[chinese]", "[multilingual]"):
        assert part in said
    assert "multi " not in said
    assert "\n" not in said


def test_other_scripts_need_the_multilingual_one() -> None:
    said = understanding.unreadable([Prompt("рыжий кот")], LATIN | CHINESE)
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
    prompts = [Prompt(text, clips=names) for text, names in texts]
    assert understanding.unreadable(prompts, reads) is None
