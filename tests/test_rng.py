"""Random streams: one for each image, independent of the others and of the global generator."""

import torch

from guided.rng import RandomStreams


def test_an_image_has_the_same_noise_alone_and_in_a_batch() -> None:
    batch, alone = RandomStreams([3, 4, 5]), RandomStreams([4])
    for _ in range(3):
        together = batch.normal_like(torch.empty(3, 3, 4, 6))
        assert torch.equal(together[1:2], alone.normal_like(torch.empty(1, 3, 4, 6)))
        assert batch.seeds()[1:2] == alone.seeds()
    assert not torch.equal(together[0], together[2])


def test_noise_has_the_images_shape_and_type_whatever_the_type_is() -> None:
    double = RandomStreams([1]).normal_like(torch.empty(1, 3, 2, 2, dtype=torch.float64))
    assert double.dtype == torch.float64
    assert torch.equal(double.float(), RandomStreams([1]).normal_like(torch.empty(1, 3, 2, 2)))


def test_dice_leave_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    RandomStreams([1]).normal_like(torch.empty(1, 3, 2, 2))
    RandomStreams([1]).seeds()
    assert torch.equal(torch.get_rng_state(), before)


def test_a_restored_stream_goes_on_with_the_same_numbers() -> None:
    rng, x = RandomStreams([1, 2]), torch.empty(2, 3, 4, 4)
    rng.normal_like(x)
    state = rng.state()
    after = rng.normal_like(x)
    other = RandomStreams([8, 9])
    other.restore(state)
    assert torch.equal(other.normal_like(x), after)


def test_one_images_stream_is_the_same_stream() -> None:
    rng, alone = RandomStreams([1, 2]), RandomStreams([2])
    x = torch.empty(1, 3, 4, 4)
    assert torch.equal(rng.stream(1).normal_like(x), alone.normal_like(x))
    assert rng.seeds()[1:] == alone.seeds()  # it went on for both
