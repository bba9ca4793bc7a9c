"""The state of a run between two steps: its beginning, and going on from a saved one."""

import pytest
import torch

from guided.diffusion.guidance_cache import CachedGradient, GuidanceCache, GuidanceInterval
from guided.diffusion.sampling_state import ResumableRun, SamplingState
from guided.oom import MemoryPolicy
from guided.rng import RandomStreams
from guided.schedule import schedule
from guided.timeline import Timeline

LINE = Timeline((0.0, 300.0, 999.0), (1.0, 0.8, 0.0))
NOISE = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
INIT = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(2))


def run() -> ResumableRun:
    every = GuidanceInterval(schedule("every", 3))
    return ResumableRun(RandomStreams([3, 4]), GuidanceCache(every), MemoryPolicy())


def test_it_begins_as_noise_or_as_the_noisy_init_of_the_first_step_that_is_drawn() -> None:
    plain = SamplingState.first(NOISE, None, 0, LINE)
    assert torch.equal(plain.x, NOISE) and plain.at == 2
    late = SamplingState.first(NOISE, INIT, 1, LINE)
    alpha, sigma = LINE.scales(1)
    assert alpha**2 + sigma**2 == pytest.approx(1)
    torch.testing.assert_close(late.x, alpha * INIT.expand_as(NOISE) + sigma * NOISE)
    assert late.at == 1
    torch.testing.assert_close(SamplingState.first(NOISE, None, 1, LINE).x, sigma * NOISE)


def test_a_run_goes_on_with_its_random_numbers_its_gradient_and_its_memory() -> None:
    one = run()
    one.rng.normal_like(NOISE)
    one.cache.update(True, CachedGradient(NOISE))
    one.memory_policy.micro_batch = 4
    state = SamplingState(NOISE, 1, {"last": 2 * NOISE})
    saved = one.saved(state)
    other = run()
    found = other.restored(saved, SamplingState(torch.zeros_like(NOISE), 2))
    assert torch.equal(found.x, NOISE) and found.at == 1
    assert torch.equal(found.memory["last"], 2 * NOISE)
    assert torch.equal(other.rng.normal_like(NOISE), one.rng.normal_like(NOISE))
    assert other.cache.since == 1 and torch.equal(other.cache.gradient.grad, NOISE)
    assert other.memory_policy.micro_batch == 4


def test_without_a_saved_state_it_begins_at_the_start() -> None:
    start = SamplingState(NOISE, 2)
    assert run().restored(None, start) is start


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"at": torch.tensor(2)}, "not of this request"),
        ({"at": torch.tensor(-2)}, "not of this request"),
        ({"x": NOISE[:1]}, "of another size or number"),
        ({"memory.last": NOISE[..., :2]}, "of another size or number"),
    ],
)
def test_states_of_other_runs_are_refused(change, said) -> None:
    saved = run().saved(SamplingState(NOISE, 1)) | change
    with pytest.raises(ValueError, match=said):
        run().restored(saved, SamplingState(NOISE, 2))


@pytest.mark.parametrize("name", ["x", "at", "dice"])
def test_states_without_a_part_are_refused(name) -> None:
    saved = run().saved(SamplingState(NOISE, 1))
    del saved[name]
    with pytest.raises(ValueError, match="not of this request"):
        run().restored(saved, SamplingState(NOISE, 2))
