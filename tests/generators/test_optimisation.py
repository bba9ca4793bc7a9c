"""Optimisation under guides against torch's Adam, closed forms, and running out of memory."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from guided.errors import NoRoom
from guided.generators.optimisation import AdamState, Optimisation
from guided.guides.base import LossGuide
from guided.interfaces import Guide, Request
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule

CPU = torch.device("cpu")
SHAPE = (3, 2, 4)


def optimisation(pictures: Callable[[Tensor], Tensor] = torch.tanh, **more) -> Optimisation:
    return Optimisation(
        pictures, lambda values, direction, progress: values - 0.05 * direction, 0.9, 0.99,
        MemoryPolicy(), **more,
    )  # fmt: skip


def guides(target: Tensor) -> dict[str, Guide]:
    return {"near": LossGuide(lambda x: (x - target).square().sum((1, 2, 3)), schedule("s", 1))}


def begin(rng: RandomStreams) -> Tensor:
    return rng.normal_like(torch.empty(len(rng.generators), *SHAPE))


def target() -> Tensor:
    return torch.rand(SHAPE, generator=torch.Generator().manual_seed(1))


REQUEST = Request((4, 2), (3, 8), 6)


def test_steps_are_those_of_torch_s_adam() -> None:
    values = begin(RandomStreams(REQUEST.seeds)).requires_grad_()
    adam = torch.optim.Adam([values], lr=0.05, betas=(0.9, 0.99))
    for step in optimisation().steps(REQUEST, guides(target()), begin, CPU):
        adam.zero_grad()
        (values.tanh() - target()).square().sum().backward()
        adam.step()
        assert torch.allclose(step.state["values"], values.detach(), atol=1e-5)
        assert torch.allclose(step.prediction.unguided, values.detach().tanh(), atol=1e-5)


@pytest.mark.parametrize("decay", [0.5, 0.99])
def test_the_average_is_of_all_values_so_far_weighted_by_age(decay: float) -> None:
    made = optimisation(lambda values: values, average=decay)
    seen = [begin(RandomStreams(REQUEST.seeds))]
    for step in made.steps(REQUEST, guides(target()), begin, CPU):
        seen.append(step.state["values"])
        weights = torch.tensor([decay ** (len(seen) - 1 - k) for k in range(len(seen))])
        expected = torch.einsum("k,k...->...", weights / weights.sum(), torch.stack(seen))
        assert torch.allclose(step.prediction.unguided, expected, atol=1e-5)
        assert torch.equal(step.prediction.unguided, step.state["average"])


def test_a_state_needs_what_the_optimisation_keeps() -> None:
    plain = AdamState.begin(torch.zeros(1, 2)).state() | {"taken": torch.tensor(1)}
    plain["dice"] = RandomStreams([1]).state()
    averaged = AdamState.begin(torch.zeros(1, 2), averaged=True)
    with pytest.raises(ValueError, match="not of this request"):
        averaged.restored(plain)
    assert AdamState.begin(torch.zeros(1, 2)).restored(plain).taken == 1


@pytest.mark.parametrize("taken", [-1, 0, REQUEST.steps])
def test_a_state_is_of_a_step_that_is_taken_and_not_the_last(taken: int) -> None:
    first = next(optimisation().steps(REQUEST, guides(target()), begin, CPU))
    saved = first.state | {"taken": torch.tensor(taken)}
    with pytest.raises(ValueError, match="not of this request"):
        next(optimisation().steps(REQUEST, guides(target()), begin, CPU, saved))


def test_a_step_is_tried_again_with_less_memory_and_the_same_random_numbers(caplog) -> None:
    left = ["less=true"]

    class Large:
        def is_active(self, progress: float) -> bool:
            return True

        def __call__(self, image: Tensor, progress: float, rng: RandomStreams):
            noise = rng.normal_like(image)
            if left:
                raise MemoryError
            return LossGuide(lambda x: (x * noise).sum((1, 2, 3)), schedule("s", 1))(
                image, progress, rng
            )

    made = optimisation(reduce=lambda: left.pop() if left else None)
    *_, retried = made.steps(REQUEST, {"large": Large()}, begin, CPU)
    *_, plain = optimisation().steps(REQUEST, {"large": Large()}, begin, CPU)
    assert torch.equal(retried.prediction.unguided, plain.prediction.unguided)
    assert "less=true" in caplog.text
    left += ["again"]
    with pytest.raises(NoRoom, match=r"size=\[4,2\]"):
        next(optimisation().steps(REQUEST, {"large": Large()}, begin, CPU))
