"""What is made smaller when memory runs out, and what counts as running out."""

import pytest
import torch

from guided.oom import MemoryPolicy, out_of_memory, until_it_fits


@pytest.mark.parametrize(
    "error, expected",
    [
        (MemoryError(), True),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 MiB"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 5.00 GB)"), True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried 8 bytes"), True),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried 8 bytes"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate"), True),
        (RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"), True),
        (RuntimeError("CUDA error: device-side assert triggered"), False),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_every_device_has_its_own_way_to_say_that_memory_ran_out(error, expected):
    assert out_of_memory(error) == expected


def test_an_allocation_that_no_machine_has_room_for_is_one():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**56)
    assert out_of_memory(caught.value)


@pytest.mark.parametrize("most", [1, 3, 13, 64])
def test_halving_comes_down_to_what_fits_and_never_to_nothing(most):
    memory_policy, tried = MemoryPolicy(), []

    def work():
        tried.append(memory_policy.chunk_size(64))
        if tried[-1] > most:
            raise torch.OutOfMemoryError
        return tried[-1]

    assert 1 <= until_it_fits(work, lambda: memory_policy.halve_chunk_size(64)) <= most
    assert tried[0] == 64 and tried == sorted(set(tried), reverse=True)


def test_what_does_not_fit_in_the_smallest_piece_is_raised():
    memory_policy = MemoryPolicy(micro_batch=5)

    def work():
        raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError):
        until_it_fits(work, lambda: memory_policy.halve_chunk_size(64))
    assert memory_policy.chunk_size(64) == 1


def test_other_errors_are_not_tried_again():
    calls = []

    def work():
        calls.append(1)
        raise RuntimeError("a slip")

    with pytest.raises(RuntimeError, match="a slip"):
        until_it_fits(work, lambda: "less")
    assert calls == [1]


def test_nothing_of_a_failed_try_is_held_when_it_is_tried_again():
    alive: list[bool] = []

    class Large:
        there = 0

        def __init__(self):
            Large.there += 1

        def __del__(self):
            Large.there -= 1

    def work():
        alive.append(Large.there == 0)
        held = Large()
        if len(alive) < 3:
            raise torch.OutOfMemoryError
        return held is not None

    assert until_it_fits(work, lambda: "less")
    assert alive == [True] * 3
