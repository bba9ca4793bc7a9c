"""The distance for CLIPs of the SigLIP kind."""

import math

import pytest
import torch

from guided.guides.clip_loss import mismatch

SCALE, BIAS = 110.0, -12.0  # about what SigLIP learned


def one(cosine: float, weight: float = 1.0) -> float:
    cosines = torch.tensor([[cosine]], dtype=torch.float64)
    return mismatch(cosines, torch.tensor([weight], dtype=torch.float64), SCALE, BIAS).item()


@pytest.mark.parametrize("cosine", [-0.3, 0.0, 0.08, 0.11, 0.15, 0.5])
@pytest.mark.parametrize("weight", [1.0, 0.3, -0.5])
def test_it_is_the_papers_loss_of_a_pair(cosine: float, weight: float) -> None:
    """-log sigmoid(label * (scale * cosine + bias)), label 1 for a pair and -1 for none."""
    label = math.copysign(1, weight)
    chance = 1 / (1 + math.exp(-label * (SCALE * cosine + BIAS)))
    assert one(cosine, weight) == pytest.approx(-abs(weight) * math.log(chance) / SCALE)


def test_prompts_add_up_and_views_do_not_mix() -> None:
    generator = torch.Generator().manual_seed(0)
    cosines = torch.rand(4, 3, generator=generator, dtype=torch.float64) * 0.3
    weights = torch.tensor([0.5, 0.3, -0.2], dtype=torch.float64)
    alone = [
        sum(one(c.item(), w.item()) for c, w in zip(row, weights, strict=True)) for row in cosines
    ]
    assert mismatch(cosines, weights, SCALE, BIAS).tolist() == pytest.approx(alone)


def test_a_prompt_pulls_where_it_is_not_seen_and_a_negative_one_pushes_where_it_is() -> None:
    cosines = torch.tensor([[0.0], [0.3]], dtype=torch.float64, requires_grad=True)
    for weight, unseen, seen in ((1.0, -1.0, 0.0), (-1.0, 0.0, 1.0)):
        loss = mismatch(cosines, torch.tensor([weight], dtype=torch.float64), SCALE, BIAS)
        (slope,) = torch.autograd.grad(loss.sum(), cosines)
        assert slope[:, 0].tolist() == pytest.approx([unseen, seen], abs=1e-4)


def test_far_off_it_neither_overflows_nor_stops_pulling() -> None:
    cosines = torch.tensor([[-1.0]], requires_grad=True)
    loss = mismatch(cosines, torch.ones(1), 1e4, -10.0)
    (slope,) = torch.autograd.grad(loss.sum(), cosines)
    assert torch.isfinite(loss).all()
    assert slope.item() == pytest.approx(-1)
