"""What every generator keeps to, bit for bit: runs that go on from a saved state, and batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor

from guided.interfaces import State, Step
from guided.runs import checkpoint

Steps = Callable[[State | None], Iterator[Step]]


def parts(step: Step) -> dict[str, Tensor]:
    """Return the picture, the gradient, the state and the losses of a step."""
    shown = {"shown": step.prediction.unguided, "norm": step.prediction.grad_norm}
    return shown | step.state | step.prediction.losses


def assert_resumes(steps: Steps, count: int, folder: Path) -> None:
    """Fail unless runs from each state of a run of `count` steps on, saved to a file and read
    again, have every bit of the run itself."""
    path = folder / "state.safetensors"
    whole = [(step.i, parts(step)) for step in steps(None)]
    assert [i for i, _ in whole] == list(range(count - 1, -1, -1))
    for k, step in enumerate(steps(None)):
        if k == count - 1:
            break  # nothing is left to draw
        checkpoint.save(path, step.state, "x")
        rest = [(later.i, parts(later)) for later in steps(checkpoint.load(path, "x"))]
        for (i, mine), (j, expected) in zip(rest, whole[k + 1 :], strict=True):
            assert i == j and mine.keys() == expected.keys()
            for part in expected:
                assert torch.equal(mine[part], expected[part]), f"{part} at {i} after {k + 1}"


def assert_alone_as_in_a_batch(steps: Callable[[tuple[int, ...]], Iterator[Step]]) -> None:
    """Fail unless each image of a batch has every bit, at every step, that it has alone, and two
    of them differ."""

    def drawn(seeds: tuple[int, ...]) -> Tensor:
        return torch.stack([step.prediction.unguided for step in steps(seeds)])

    seeds = (3, 4, 5)
    together = drawn(seeds)
    for b, seed in enumerate(seeds):
        assert torch.equal(together[:, b : b + 1], drawn((seed,)))
    assert not torch.equal(together[:, 0], together[:, 1])
