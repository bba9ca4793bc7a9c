"""Fully connected layers that guess a whole image, on canvases of any shape."""

import pytest
import torch
from torch import Tensor

from guided.diffusion.first_guess import WAVES, Dense
from tests.doubles import randomised


def noise(height: int, width: int) -> Tensor:
    return torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def dense() -> Dense:
    return randomised(Dense(size=16, width=24, hidden=40), seed=2).eval()


WHEN = torch.linspace(-1, 1, 2 * WAVES).view(2, WAVES)


def test_it_begins_as_grey_images() -> None:
    torch.manual_seed(0)
    new = Dense(size=16, width=24, hidden=40)
    assert new(noise(16, 16), WHEN).abs().max() == 0


def test_pixels_and_time_all_matter(dense: Dense) -> None:
    x, waves = noise(16, 16).requires_grad_(), WHEN.clone().requires_grad_()
    dense(x, waves).square().sum().backward()
    assert x.grad.abs().amin() > 0 and waves.grad.abs().amin() > 0


@pytest.mark.parametrize(("height", "width"), [(16, 40), (48, 16), (16, 18)])
def test_of_a_wide_canvas_it_guesses_the_middle_and_carries_its_edges_on(
    dense: Dense, height: int, width: int
) -> None:
    x = noise(height, width)
    top, left = (height - 16) // 2, (width - 16) // 2
    square = dense(x[:, :, top : top + 16, left : left + 16], WHEN)
    whole = dense(x, WHEN)
    rows = (torch.arange(height) - top).clamp(0, 15)
    columns = (torch.arange(width) - left).clamp(0, 15)
    assert whole.shape == x.shape
    assert torch.equal(whole, square[:, :, rows][:, :, :, columns])


def test_on_a_large_canvas_it_sees_noise_as_strong_as_ever(dense: Dense) -> None:
    """An average of pixels would look like a later, quieter time than it is."""
    heard: list[Tensor] = []
    dense.inp.register_forward_pre_hook(lambda _, given: heard.append(given[0]))
    for side in (16, 32, 48):
        guess = dense(noise(side, side), WHEN)
        assert guess.shape == (2, 3, side, side)
    spreads = [part.std().item() for part in heard]
    assert max(spreads) / min(spreads) < 1.15
    assert len({part.shape for part in heard}) == 1


def test_an_object_fills_a_canvas_twice_as_large(dense: Dense) -> None:
    dense = dense.double()  # rounding, which differs between processors, stays out of it
    x, when = noise(16, 16).double(), WHEN.double()
    large = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
    shrunk = torch.nn.functional.avg_pool2d(dense(large, when), 2)
    inner = (slice(None), slice(None), slice(1, -1), slice(1, -1))
    small = dense(x, when)
    blurred = torch.nn.functional.interpolate(small, scale_factor=2, mode="bilinear")
    assert torch.allclose(shrunk[inner], torch.nn.functional.avg_pool2d(blurred, 2)[inner])
