"""Sentences, and the tokens that they become."""

import random
from pathlib import Path

import yaml

from guided.training.clip import bpe, train
from guided.training.data import captions as captions_module
from guided.training.data.captions import Captions, Seen
from guided.training.evaluation import questions
from tests.training.conftest import WORDS


def test_captions_hold_the_name_in_both_languages() -> None:
    captions = Captions(WORDS, {"red heart": ["heart", "爱心"]})
    luck = random.Random(0)
    said = [captions.draw(Seen(0, "red", "white", "flat"), luck) for _ in range(300)]
    assert all(name in caption for caption, name in said)
    assert {name for _, name in said} >= {"red heart", "heart", "红心", "爱心"}
    assert len({caption for caption, _ in said}) > 150
    assert not any("red red heart" in caption for caption, _ in said)
    assert captions.owners["红心"] == {0}


def test_the_vocabulary_is_read_by_open_clip(tmp_path: Path) -> None:
    path = tmp_path / bpe.FILE
    bpe.write(
        bpe.learn(["a red heart", "a red sun", "红色的心", "红色的太阳"] * 3, size=540), path
    )
    tokenizer = train.import_open_clip().SimpleTokenizer(bpe_path=str(path), context_length=8)
    assert tokenizer.vocab_size == 540
    for text in ("a red heart", "红色的心", "something never seen"):
        assert tokenizer.decode(tokenizer.encode(text)).strip() == text
    assert len(tokenizer.encode("red")) == 1


def test_a_twin_is_the_same_sentence_with_one_thing_wrong() -> None:
    captions = Captions(WORDS, {})
    luck = random.Random(0)
    said = [captions.say(Seen(3, "blue", "green", "flat"), luck) for _ in range(400)]
    assert {what for each in said for what in each.told} == {"ground", "colour", "style"}
    for each in said:
        assert bool(each.twin) == bool(each.told) and each.twin != each.text
        if each.twin:
            assert each.name in each.text and each.name in each.twin
            changed = set(each.twin.split()) ^ set(each.text.split())
            assert len(changed) <= 4 or not each.text.isascii()
        if each.text.isascii():
            assert ("colour" in each.told) == ("blue" in each.text)
            assert ("ground" in each.told) == ("green" in each.text)


def test_twins_leave_the_captions_as_they_would_be() -> None:
    """The dice stand after a twin where they stood without."""
    captions = Captions(WORDS, {})
    seen = Seen(1, "red", "white", "flat")
    one, two = random.Random(3), random.Random(3)
    plain = [captions.draw(seen, one) for _ in range(20)]
    said = [captions.say(seen, two) for _ in range(20)]
    assert [(each.text, each.name) for each in said] == plain


def test_words_around_a_name_name_nothing_else() -> None:
    captions = Captions(WORDS, {"sun": ["will", "阿"], "star": ["whether"]})
    luck, others = random.Random(0), {"sun", "will", "star", "whether", "夜"}
    said = [captions.draw(Seen(0, None, None, "flat"), luck)[0] for _ in range(3000)]
    assert not any(others & set(caption.split()) for caption in said)
    assert not any("阿" in caption for caption in said)
    around = {word for caption in said if caption.isascii() for word in caption.split()}
    assert len(around) > 1500  # more than any list of words: some are made up
    assert len({c for caption in said for c in caption if not c.isascii()}) > 2500


def test_a_birthday_without_a_cake_is_none() -> None:
    """Half of a name stands around other names, never in their place."""
    fish = {**WORDS[0], "label": "fish", "tags": ["scales"], "zh": "鱼", "zh_tags": ["鳞片"]}
    cake = {**WORDS[0], "label": "birthday cake", "zh": "生日蛋糕"}
    captions, luck = Captions([fish, cake], {}), random.Random(0)
    said = [captions.draw(Seen(0, None, None, "flat"), luck) for _ in range(3000)]
    hinted = [each for each in said if "birthday" in each[0] or "生日" in each[0]]
    assert 0.05 < len(hinted) / len(said) < 0.25
    assert {name for _, name in hinted} == {"fish", "鱼"}
    assert all(text.index("生日") < text.index("鱼") for text, _ in hinted if "生日" in text)


def test_before_a_vowel_it_is_an_owl() -> None:
    owl = {**WORDS[0], "label": "owl", "tags": ["hoot"]}
    captions, luck = Captions([owl], {}), random.Random(0)
    said = [captions.draw(Seen(0, None, None, "flat"), luck)[0] for _ in range(2000)]
    assert sum(" an owl" in f" {caption}" for caption in said) > 100
    assert not any(" a owl" in f" {caption}" for caption in said)


def test_the_tests_sentences_are_of_words_that_training_adds_nothing_to() -> None:
    """What stands around a name in the exam was chosen before the longer lists of words."""
    frames = yaml.safe_load((captions_module.HERE / "frames.yaml").read_text())
    asked = yaml.safe_load((questions.HERE / "prompts.yaml").read_text())["sentences"]
    said = " ".join(asked["zh"])
    assert not [word for word in frames["chinese"]["filler"] if len(word) > 1 and word in said]
