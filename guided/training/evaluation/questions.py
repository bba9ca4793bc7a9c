"""What the pair is asked to draw when it is measured, and among which answers the judge has to
find the right one. Reads prompts.yaml; knows nothing about drawing or judging.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
KINDS = ("objects", "colours", "backgrounds", "styles", "sentences")
LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Question:
    kind: str
    language: str
    number: int  # within its kind; the same things have the same numbers in both languages
    prompt: str
    truth: int  # index of the right one among the exam's choices
    of: str  # the subject's English label
    colour: str | None = None
    ground: str | None = None


@dataclass(frozen=True)
class Exam:
    """All questions of a kind in a language, and the texts among which the judge chooses."""

    kind: str
    language: str
    questions: list[Question]
    choices: list[str]

    @property
    def name(self) -> str:
        return f"{self.kind} {self.language}"


def exam(kind: str, language: str) -> Exam:
    book = yaml.safe_load((HERE / "prompts.yaml").read_text())
    if kind == "sentences":
        return _sentences(book, language)
    rows = book[kind]
    questions = [
        Question(
            kind, language, i, row[language], i, row["of"], row.get("colour"), row.get("ground")
        )
        for i, row in enumerate(rows)
    ]
    return Exam(kind, language, questions, [question.prompt for question in questions])


def _sentences(book: dict, language: str, every: int = 4) -> Exam:
    """Each frame around some objects; the choices are all objects' bare names."""
    bare, frames = exam("objects", language), book["sentences"][language]
    questions = [
        Question("sentences", language, n, frames[n % len(frames)].format(q.prompt), q.truth, q.of)
        for n, q in enumerate(bare.questions[::every])
    ]
    return Exam("sentences", language, questions, bare.choices)
