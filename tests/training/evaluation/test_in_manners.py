"""The measurement of manners: what is asked, and how it is ranked."""

from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor

from guided.errors import BadInput
from guided.images import picture, read_picture
from guided.outputs.manner_names import MANNERS
from guided.outputs.still import Still
from guided.training.evaluation import in_manners
from guided.training.evaluation.judging import Judge
from guided.training.evaluation.questions import exam


def test_every_prompt_names_its_object_and_its_manner() -> None:
    chosen = exam("objects", "en").questions[:3]
    for i, (name, _) in enumerate(MANNERS):
        asked = in_manners.questions(i, chosen)
        assert [one.of for one in asked] == [one.of for one in chosen]
        assert all(
            name in a.prompt and c.prompt in a.prompt for a, c in zip(asked, chosen, strict=True)
        )
    numbers = [q.number for i in range(len(MANNERS)) for q in in_manners.questions(i, chosen)]
    assert len(set(numbers)) == len(numbers), "pictures of two questions have one file"


class Reader(Judge):
    """A judge that sees the number of the object in red and that of the manner in green."""

    def __init__(self, objects: list[str]) -> None:
        self.objects = objects

    def _scores(self, images: Tensor, choices: list[str]) -> Tensor:  # type: ignore[override]
        seen = (images[:, :2].mean((2, 3)) * 255).round()
        names = [english for english, _ in MANNERS]
        parts = [choice.partition(" of ") for choice in choices]
        told = torch.tensor([[self.objects.index(o), names.index(m)] for m, _, o in parts])
        return -(seen[:, None] - told).abs().sum(-1)


def test_objects_are_ranked_among_objects_and_manners_among_manners(tmp_path: Path) -> None:
    sheet = exam("objects", "en")
    chosen = sheet.questions[4:6]
    paths = []
    for shown, (number, manner) in enumerate([(4, 7), (9, 9)]):  # right, and both wrong
        paths.append(tmp_path / f"{shown}.png")
        Image.new("RGB", (8, 8), (number, manner, 0)).save(paths[-1])
    judge = Reader(sheet.choices)
    of_object, of_manner = in_manners.ranks(judge, 7, chosen, paths, sheet.choices)
    assert of_object[0] == of_manner[0] == 1
    assert min(of_object[1], of_manner[1]) > 1


def test_a_number_of_objects_that_there_is_not_is_told() -> None:
    with pytest.raises(BadInput, match="objects=0 must be from 1 to 100"):
        in_manners.Settings(objects=0).check()


def test_a_drawn_picture_is_rendered_as_the_program_renders_it(tmp_path: Path) -> None:
    plain = tmp_path / "plain.png"
    pixels = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    picture(pixels).save(plain)
    [question] = in_manners.questions(11, exam("objects", "en").questions[4:5])
    path = in_manners.render(plain, question, 11, tmp_path / "rendered")
    with Image.open(path) as image:
        shown = read_picture(str(plain))
        same = Still(sharpen=0).finished(shown, lambda x, n: x, 1, "night", question.number)
        assert image.tobytes() == same.tobytes()
