"""Sentences, and the tokens that they become."""

import random

import yaml

from guided.training.data import captions as captions_module
from guided.training.data.captions import CaptionWriter, Depiction
from guided.training.evaluation import questions
from tests.training.conftest import WORDS


def test_captions_hold_the_name_in_both_languages() -> None:
    captions = CaptionWriter(WORDS, {"red heart": ["heart", "爱心"]})
    rng = random.Random(0)
    said = [captions.sentence(Depiction(0, "red", "white", "flat"), rng) for _ in range(300)]
    assert all(name in caption for caption, name in said)
    assert {name for _, name in said} >= {"red heart", "heart", "红心", "爱心"}
    assert len({caption for caption, _ in said}) > 150
    assert not any("red red heart" in caption for caption, _ in said)
    assert captions.owners["红心"] == {0}


def test_a_twin_is_the_same_sentence_with_one_thing_wrong() -> None:
    captions = CaptionWriter(WORDS, {})
    rng = random.Random(0)
    said = [captions.write(Depiction(3, "blue", "green", "flat"), rng) for _ in range(400)]
    assert {what for each in said for what in each.stated} == {"ground", "colour", "style"}
    for each in said:
        assert bool(each.negative) == bool(each.stated) and each.negative != each.text
        if each.negative:
            assert each.name in each.text and each.name in each.negative
            changed = set(each.negative.split()) ^ set(each.text.split())
            assert len(changed) <= 4 or not each.text.isascii()
        if each.text.isascii():
            assert ("colour" in each.stated) == ("blue" in each.text)
            assert ("ground" in each.stated) == ("green" in each.text)


def test_twins_leave_the_captions_as_they_would_be() -> None:
    """The dice stand after a twin where they stood without."""
    captions = CaptionWriter(WORDS, {})
    seen = Depiction(1, "red", "white", "flat")
    one, two = random.Random(3), random.Random(3)
    plain = [captions.sentence(seen, one) for _ in range(20)]
    said = [captions.write(seen, two) for _ in range(20)]
    assert [(each.text, each.name) for each in said] == plain


def test_words_around_a_name_name_nothing_else() -> None:
    captions = CaptionWriter(WORDS, {"sun": ["will", "阿"], "star": ["whether"]})
    rng, others = random.Random(0), {"sun", "will", "star", "whether", "夜"}
    said = [captions.sentence(Depiction(0, None, None, "flat"), rng)[0] for _ in range(3000)]
    assert not any(others & set(caption.split()) for caption in said)
    assert not any("阿" in caption for caption in said)
    around = {word for caption in said if caption.isascii() for word in caption.split()}
    assert len(around) > 1500  # more than any list of words: some are made up
    assert len({c for caption in said for c in caption if not c.isascii()}) > 2500


def test_a_birthday_without_a_cake_is_none() -> None:
    """Half of a name stands around other names, never in their place."""
    fish = {**WORDS[0], "label": "fish", "tags": ["scales"], "zh": "鱼", "zh_tags": ["鳞片"]}
    cake = {**WORDS[0], "label": "birthday cake", "zh": "生日蛋糕"}
    captions, rng = CaptionWriter([fish, cake], {}), random.Random(0)
    said = [captions.sentence(Depiction(0, None, None, "flat"), rng) for _ in range(3000)]
    hinted = [each for each in said if "birthday" in each[0] or "生日" in each[0]]
    assert 0.05 < len(hinted) / len(said) < 0.25
    assert {name for _, name in hinted} == {"fish", "鱼"}
    assert all(text.index("生日") < text.index("鱼") for text, _ in hinted if "生日" in text)


def test_before_a_vowel_it_is_an_owl() -> None:
    owl = {**WORDS[0], "label": "owl", "tags": ["hoot"]}
    captions, rng = CaptionWriter([owl], {}), random.Random(0)
    said = [captions.sentence(Depiction(0, None, None, "flat"), rng)[0] for _ in range(2000)]
    assert sum(" an owl" in f" {caption}" for caption in said) > 100
    assert not any(" a owl" in f" {caption}" for caption in said)


def test_the_tests_sentences_are_of_words_that_training_adds_nothing_to() -> None:
    """What stands around a name in the exam was chosen before the longer lists of words."""
    frames = yaml.safe_load((captions_module.HERE / "frames.yaml").read_text())
    asked = yaml.safe_load((questions.HERE / "prompts.yaml").read_text())["sentences"]
    said = " ".join(asked["zh"])
    assert not [word for word in frames["chinese"]["filler"] if len(word) > 1 and word in said]
