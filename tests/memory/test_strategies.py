"""What is chosen so that a step fits, and in which order."""

import pytest

from guided.memory.available import GB
from guided.memory.estimate import StepMemory
from guided.memory.strategies import SPARE, MemoryFit, even
from guided.oom import MemoryPolicy

VIEWS = 64


def fitting(limit: float, *, clips: int = 3, **may: bool) -> MemoryFit:
    """A U-Net of 1 GB that keeps 4 GB, or 1 and is then busiest on the way back; CLIPs of 0.5 GB
    each whose cutouts need 0.1 GB each; in GB."""
    policy = MemoryPolicy()

    def count() -> StepMemory:
        one_more = clips - 1 if policy.offload_clips else 0
        activations, backward = (1, 1.5) if policy.checkpointing else (4, 4.2)
        return StepMemory(
            {"U-Net": GB, "CLIP": (clips - one_more) * GB // 2},
            activations=activations * GB,
            guides=int(0.1 * GB * policy.chunk_size(VIEWS)),
            backward=int(backward * GB),
        )

    found = MemoryFit(count, policy, limit * GB, **may)
    found.fit()
    return found


def chosen(found: MemoryFit) -> tuple[int, bool, bool]:
    policy = found.policy
    return (
        policy.chunk_size(VIEWS),
        policy.checkpointing,
        policy.offload_clips,
    )


def held(found: MemoryFit) -> float:
    need = found.count()
    return sum(need.weights.values()) + need.step * (1 + SPARE)


def test_where_there_is_room_nothing_is_cut():
    assert chosen(fitting(24)) == (VIEWS, False, False)


@pytest.mark.parametrize("limit", [12, 10, 8, 6, 5, 4, 3.5])
def test_what_is_chosen_fits(limit):
    found = fitting(limit)
    assert found.fits and held(found) <= limit * GB


def test_cutouts_are_cut_before_the_u_net_computes_again():
    views, checkpointing, waiting = chosen(fitting(10))
    assert 8 <= views < VIEWS and not checkpointing and not waiting


def test_the_u_net_computes_again_before_cutouts_are_few():
    assert chosen(fitting(7.2))[1:] == (True, False)


def test_clips_wait_only_where_nothing_else_helps():
    assert not fitting(6).policy.offload_clips
    assert fitting(3.5).policy.offload_clips


def test_as_many_cutouts_go_at_once_as_fit():
    found = fitting(9)
    parts = -(-VIEWS // found.policy.micro_batch)
    found.policy.micro_batch = even(VIEWS, -(-VIEWS // (parts - 1)))  # one part fewer
    assert held(found) > 9 * GB


def test_what_a_user_has_set_stays():
    found = fitting(5, cuttable=False, recomputing=False, offloadable=False)
    assert chosen(found) == (VIEWS, False, False)
    assert not found.fits and "size=" in found.line()


def test_what_can_never_fit_is_cut_as_small_as_can_be():
    found = fitting(2)
    assert chosen(found)[0] == 1 and not found.fits


def test_parts_are_of_about_the_same_size():
    assert [even(64, most) for most in (1, 7, 8, 33, 63, 64)] == [1, 7, 8, 32, 32, 64]


def test_the_line_says_where_it_goes_and_what_was_chosen():
    line = fitting(7.2).line()
    assert line.startswith("memory: ") and " of 7.2 GB" in line
    assert "U-Net 1.0" in line and "generator.checkpointing=true" in line
