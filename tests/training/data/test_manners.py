"""The captions of pictures in manners of drawing."""

import random

from guided.outputs.manner_names import MANNERS
from guided.training.data import manners


def test_a_caption_names_the_thing_and_the_manner_and_its_negative_another_manner() -> None:
    choice = random.Random(0)
    for name, language in (("cat", 0), ("猫", 1)):
        for i, words in enumerate(MANNERS):
            text, negative = manners.sentence(i, name, choice)
            assert name in text and name in negative
            assert words[language] in text and words[language] not in negative
            assert any(other[language] in negative for other in MANNERS)
