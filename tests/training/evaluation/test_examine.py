"""Real renderings as the exam asks for them, and how a CLIP that only knows colours does."""

from pathlib import Path

import pytest
import torch

from guided.errors import BadInput
from guided.training.data import pictures
from guided.training.evaluation import examine
from guided.training.evaluation.examine import Settings
from guided.training.evaluation.judging import Judge
from guided.training.evaluation.questions import Exam, Question
from tests.doubles import ColourClip


def test_real_renderings_are_put_on_their_ground_and_in_their_colour(folder: Path) -> None:
    book = pictures.load(folder, 48)
    asked = Question("x", "en", 0, "x", 0, "star", colour="green", ground="black")
    picture = examine.render(book, "noto", asked)
    assert torch.allclose(picture[:, 0, 0], examine.point("black"))
    middle = picture[:, 24, 24]
    assert middle[1] > middle[0] and middle[1] > middle[2]
    assert examine.render(book, "fluent-flat", asked) is None


def test_answers_are_counted_for_each_vendor(folder: Path) -> None:
    book = pictures.load(folder, 48)
    asked = [
        Question("colours", "en", i, name, i, "star", colour=name)
        for i, name in enumerate(("red", "green", "blue"))
    ]
    sheet = Exam("colours", "en", asked, ["red", "green", "blue"])
    found = examine.answers(Judge(ColourClip()), sheet, book, ["noto", "twemoji"])
    assert {vendor: result["first"] for vendor, result in found.items()} == {
        "noto": 1.0, "twemoji": 1.0
    }  # fmt: skip


def test_wrong_settings_are_named(folder: Path) -> None:
    with pytest.raises(BadInput, match="learner=pupil"):
        examine.report(Settings(learner="pupil", data=str(folder)))
    with pytest.raises(BadInput, match="data=/nowhere"):
        examine.report(Settings(data="/nowhere"))
