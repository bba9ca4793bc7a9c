"""Adam against torch's own; sums of gradients, and steps that run out of memory."""

import pytest
import torch
from torch import Tensor

from guided.errors import NoRoom
from guided.generators.optimisation import AdamState, SummedGradient, retried
from guided.interfaces import GuideGradient
from guided.rng import RandomStreams


def normal(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


def test_directions_are_those_of_torchs_adam() -> None:
    values = normal(2, 3, 4)
    theirs = values.clone().requires_grad_()
    adam = torch.optim.Adam([theirs], lr=0.1, betas=(0.8, 0.95))
    ours = AdamState.begin(values)
    for _ in range(5):
        grad = 2 * ours.values
        ours.values = ours.values - 0.1 * ours.direction(grad, 0.8, 0.95)
        theirs.grad = 2 * theirs.detach()
        adam.step()
    assert torch.allclose(ours.values, theirs.detach(), atol=1e-12)


@pytest.mark.parametrize("change", ["values", "dice"])
def test_a_state_of_another_request_is_refused(change: str) -> None:
    state = AdamState.begin(normal(2, 3)).state()
    state |= {"taken": torch.tensor(1), "dice": torch.zeros(1)}
    AdamState.begin(normal(2, 3)).restored(state)
    del state[change]
    with pytest.raises(ValueError, match="not of this request"):
        AdamState.begin(normal(2, 3)).restored(state)


def test_gradients_are_summed_and_those_that_are_not_finite_left_out_of_their_image(
    caplog,
) -> None:
    first, second = normal(2, 3, 4, 4), torch.ones(2, 3, 4, 4, dtype=torch.float64)
    second[1, 0, 0, 0] = torch.nan
    found = {
        "a": GuideGradient(torch.tensor([1.0, 2.0]), first),
        "b": GuideGradient(torch.tensor([3.0, 4.0]), second, torch.tensor([0.1, 0.2])),
    }
    total = SummedGradient.of(found, first, 0.5)
    assert torch.equal(total.grad[0], first[0] + 1) and not total.grad[1].any()
    assert total.norm[0] == pytest.approx(float((first[0] + 1).square().mean().sqrt()))
    assert "not finite" in caplog.text
    prediction = total.prediction(first, 0.5)
    assert prediction.losses["b"].tolist() == [3.0, 4.0]
    assert prediction.similarity is not None and prediction.similarity[1] == pytest.approx(0.2)


def test_work_that_runs_out_of_memory_is_done_again_with_the_same_random_numbers() -> None:
    rng, tried = RandomStreams([3]), []

    def work() -> Tensor:
        tried.append(rng.normal_like(torch.empty(1, 2)))
        if len(tried) < 3:
            raise MemoryError
        return tried[-1]

    retried(work, rng, (1, 3, 5, 7), lambda: "less")
    assert torch.equal(tried[0], tried[1]) and torch.equal(tried[1], tried[2])


def test_without_anything_left_to_reduce_it_is_one_line() -> None:
    def work() -> None:
        raise MemoryError

    with pytest.raises(NoRoom, match=r"size=\[7,5\]"):
        retried(work, RandomStreams([3]), (1, 3, 5, 7), lambda: None)


def test_other_errors_are_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        retried(lambda: 1 // 0, RandomStreams([3]), (1, 3, 5, 7), lambda: "less")
