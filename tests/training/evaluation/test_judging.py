"""The judge's ranking."""

import math

import pytest
import torch

from guided.training.evaluation.judging import Judge, firsts
from tests.doubles import ColourClip


def test_ranks_count_the_texts_that_fit_better() -> None:
    purple = torch.tensor([0.5, 0.1, 0.8]).view(1, 3, 1, 1).expand(3, 3, 32, 32)
    assert Judge(ColourClip()).ranks(purple, [0, 1, 2], ["red", "green", "blue"]) == [2, 3, 1]


def test_a_chance_is_the_share_of_the_true_text_among_all() -> None:
    purple = torch.tensor([0.5, 0.1, 0.8]).view(1, 3, 1, 1).expand(3, 3, 32, 32)
    found = Judge(ColourClip()).chances(purple, [0, 1, 2], ["red", "green", "blue"])
    powers = [math.exp(10 * share) for share in (0.5, 0.1, 0.8)]
    assert found == pytest.approx([power / sum(powers) for power in powers], rel=1e-4)


def test_a_summary_of_ranks() -> None:
    assert firsts([1, 1, 7, 5]) == {"count": 4, "first": 0.5, "five": 0.75, "median": 1}
