"""The optimal denoiser, against the sum that defines it."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from guided.errors import BadInput
from guided.models.load import load_unet
from guided.training.diffusion.train import card_of
from guided.training.evaluation import oracle_gap

DICE = torch.Generator().manual_seed(3)
KNOWN = torch.randn(5, 3, 2, 2, generator=DICE)
WEIGHTS = torch.tensor([1.0, 2.0, 0.5, 1.0, 4.0])


def test_it_is_the_mean_over_all_that_the_noisy_picture_may_have_been() -> None:
    alpha, sigma = 0.6, 0.8
    x = torch.randn(2, 3, 2, 2, generator=DICE)
    for one, guess in zip(
        x, oracle_gap.OracleDenoiser(KNOWN, WEIGHTS)(x, alpha, sigma), strict=True
    ):
        noise = [(one - alpha * picture) / sigma for picture in KNOWN]
        chances = [
            w * math.exp(-n.square().sum() / 2) for w, n in zip(WEIGHTS, noise, strict=True)
        ]
        mean = sum(c * picture for c, picture in zip(chances, KNOWN, strict=True)) / sum(chances)
        assert torch.allclose(guess, mean, atol=1e-5)


def test_without_noise_it_knows_the_picture_and_in_pure_noise_only_the_mean() -> None:
    best = oracle_gap.OracleDenoiser(KNOWN, WEIGHTS)
    assert torch.allclose(best(0.999 * KNOWN, 0.999, 0.04), KNOWN, atol=1e-5)
    mean = (WEIGHTS.view(-1, 1, 1, 1) * KNOWN).sum(0) / WEIGHTS.sum()
    noise = torch.randn(1, 3, 2, 2, generator=DICE)
    assert torch.allclose(best(noise, 0.0, 1.0), mean[None], atol=1e-5)


def test_no_other_guess_errs_less() -> None:
    """Over many draws; a model that always guesses the mean is one."""
    best, alpha, sigma = oracle_gap.OracleDenoiser(KNOWN, WEIGHTS), 0.5, 0.75**0.5
    shown = KNOWN[torch.multinomial(WEIGHTS, 4000, True, generator=DICE)]
    x = alpha * shown + sigma * torch.randn(shown.shape, generator=DICE)
    guess = best(x, alpha, sigma)

    def errs(other: Tensor) -> float:
        return oracle_gap.error(other, shown)

    assert errs(guess) < min(errs(0.9 * guess), errs(1.1 * guess), errs(x / alpha), errs(0 * x))


def test_a_model_that_knows_nothing_is_far_from_it(folder: Path) -> None:
    """Discs of these colours it has never seen."""
    card = card_of("embedded")
    model = load_unet(card, torch.device("cpu"), torch.float32)
    rows = list(
        oracle_gap.compare(model, card, oracle_gap.of_data(str(folder), 32), count=8, seed=0)
    )
    assert [row.time for row in rows] == list(oracle_gap.TIMES)
    assert all(row.oracle <= row.model for row in rows)
    assert rows[0].oracle < 1e-4 < rows[0].gap


def test_data_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"guided\.training\.data makes it"):
        oracle_gap.of_data(str(tmp_path), 32)
