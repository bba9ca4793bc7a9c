"""The exam of the evaluation: prompts to draw, and the texts among which the judge finds each
picture's own. Reads prompts.yaml, and the embedded models' list of subjects.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

from guided.paths import EMBEDDED
from guided.prompts import lexicon

HERE = Path(__file__).parent
KINDS = ("objects", "words", "colours", "backgrounds", "styles", "sentences")
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Question:
    """A prompt of the exam."""

    kind: str
    language: str
    number: int  # within its kind; the same subject has the same number in both languages
    prompt: str
    truth: int  # index of its text among the exam's choices
    of: str  # the subject's English label
    colour: str | None = None
    ground: str | None = None


@dataclass(frozen=True)
class Exam:
    """The questions of a kind in a language, and the texts among which the judge chooses."""

    kind: str
    language: str
    questions: list[Question]
    choices: list[str]

    @property
    def name(self) -> str:
        return f"{self.kind} {self.language}"


def exam(kind: str, language: str) -> Exam:
    """Return the exam of a kind (KINDS) in a language (LANGUAGES)."""
    book = yaml.safe_load((HERE / "prompts.yaml").read_text())
    if kind == "sentences":
        return _sentences(book, language)
    if kind == "words":
        return _words(language)
    rows = book[kind]
    questions = [
        Question(
            kind, language, i, row[language], i, row["of"], row.get("colour"), row.get("ground")
        )
        for i, row in enumerate(rows)
    ]
    return Exam(kind, language, questions, [question.prompt for question in questions])


def _sentences(book: dict, language: str, every: int = 4) -> Exam:
    """Return sentences around every `every`-th object; the choices are all objects' names."""
    bare, frames = exam("objects", language), book["sentences"][language]
    questions = [
        Question("sentences", language, n, frames[n % len(frames)].format(q.prompt), q.truth, q.of)
        for n, q in enumerate(bare.questions[::every])
    ]
    return Exam("sentences", language, questions, bare.choices)


def _words(language: str) -> Exam:
    """Return every subject of words.txt under its name; the choices are all their names."""
    names = lexicon.load(EMBEDDED / "lexicon.tsv").names
    labels = (EMBEDDED / "words.txt").read_text(encoding="utf-8").splitlines()
    prompts = [names[label][LANGUAGES.index(language)] for label in labels]
    choices = list(dict.fromkeys(prompts))
    questions = [
        Question("words", language, n, prompt, choices.index(prompt), label)
        for n, (label, prompt) in enumerate(zip(labels, prompts, strict=True))
    ]
    return Exam("words", language, questions, choices)
