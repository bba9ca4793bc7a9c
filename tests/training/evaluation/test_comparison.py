"""The sign test and the diversity of seeds."""

import itertools

import pytest
import torch

from guided.training.evaluation.comparison import Pairs, diversity, pairs


@pytest.mark.parametrize("better, worse", [(0, 0), (1, 0), (3, 1), (7, 7), (9, 1), (2, 8)])
def test_the_p_value_counts_all_outcomes_of_as_many_coins_that_are_as_uneven(
    better: int, worse: int
) -> None:
    number, least = better + worse, abs(better - worse)
    outcomes = itertools.product((-1, 1), repeat=number)
    uneven = [abs(sum(signs)) >= least for signs in outcomes]
    assert Pairs(better, worse, 5).p == pytest.approx(sum(uneven) / len(uneven))


def test_differences_up_to_the_tie_are_ties() -> None:
    assert pairs([0.0, 0.0, 0.0, 0.5], [0.25, 0.5, -0.5, 0.5], tie=0.25) == Pairs(1, 1, 2)


def test_pictures_that_are_alike_have_no_diversity_and_orthogonal_ones_have_one() -> None:
    basis = torch.eye(4)
    assert diversity(basis[:1].expand(3, 2, 4)) == pytest.approx(0)
    assert diversity(torch.stack([basis[:3], basis[1:]])) == pytest.approx(1)
    half = torch.stack([basis[:2], basis[:1].expand(2, 4)])
    assert diversity(half) == pytest.approx(0.5)
    assert diversity(basis.view(4, 1, 4)) == 0


def test_the_length_of_points_does_not_count() -> None:
    points = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(1))
    assert diversity(7 * points) == pytest.approx(diversity(points))
