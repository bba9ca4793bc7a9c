"""The exam: its size, and that training does not hold its sentences."""

from itertools import pairwise

import pytest

from guided.paths import EMBEDDED
from guided.prompts import lexicon
from guided.training.data import sources
from guided.training.evaluation import questions


@pytest.mark.parametrize("language", questions.LANGUAGES)
def test_the_exam_is_large_and_fair(language: str) -> None:
    """At least a hundred objects, each with a name of its own, all known to the shipped diffusion
    model; sentences that hold the very words that the judge must find."""
    known = (EMBEDDED / "words.txt").read_text().splitlines()
    objects = questions.exam("objects", language)
    assert len(objects.questions) >= 100
    assert (
        len(set(objects.choices)) == len({q.of for q in objects.questions}) == len(objects.choices)
    )
    for kind, least in (("colours", 24), ("backgrounds", 16), ("styles", 12), ("sentences", 25)):
        sheet = questions.exam(kind, language)
        assert len(sheet.questions) >= least
        assert {question.of for question in sheet.questions} <= set(known)
        assert len({question.prompt for question in sheet.questions}) == len(sheet.questions)
    for question in questions.exam("sentences", language).questions:
        assert objects.choices[question.truth] in question.prompt


@pytest.mark.parametrize("language", questions.LANGUAGES)
def test_every_subject_is_asked_for_under_a_name_that_the_lexicon_reads_as_it(
    language: str,
) -> None:
    labels = (EMBEDDED / "words.txt").read_text(encoding="utf-8").splitlines()
    sheet = questions.exam("words", language)
    book = lexicon.load(EMBEDDED / "lexicon.tsv")
    assert [question.of for question in sheet.questions] == labels
    assert [book.read(question.prompt).known for question in sheet.questions] == labels
    assert all(sheet.choices[q.truth] == q.prompt for q in sheet.questions)


def test_sentences_of_the_exam_are_not_those_of_training() -> None:
    """Four frames of five share no phrase of two words with what captions are made of."""
    book = sources.yaml.safe_load((sources.HERE / "frames.yaml").read_text())["english"]
    heard = {pair for wish in [*book["wishes"], *book["endings"]] for pair in pairs(wish)}
    frames = sources.yaml.safe_load((questions.HERE / "prompts.yaml").read_text())["sentences"]
    assert not [f for f in frames["en"][:4] for part in f.split("{}") if pairs(part) & heard]


def pairs(text: str) -> set[tuple[str, ...]]:
    words = text.replace(",", " ").split()
    return set(pairwise(words))


def test_every_fourth_sentence_asks_for_another_object() -> None:
    sheet = questions.exam("sentences", "en")
    assert len({question.of for question in sheet.questions}) == len(sheet.questions) == 25
