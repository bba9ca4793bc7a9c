"""Windows against a single pass, and against the definition, pixel by pixel."""

import math
from itertools import product

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.diffusion.tiles import Axis, WindowSizes
from guided.diffusion.windows import Windows
from guided.rng import RandomStreams
from tests.doubles import TinyNet

SIZES = WindowSizes(8, 2)
HEIGHT, WIDTH = 18, 26


def windows(kind: str, seeds: tuple[int, ...] = (3, 4)) -> Windows:
    if kind == "shift":
        return Windows(SIZES.adjacent(HEIGHT), SIZES.adjacent(WIDTH), RandomStreams(seeds))
    ring = kind == "ring"
    return Windows(SIZES.overlapping(HEIGHT, ring), SIZES.overlapping(WIDTH, ring))


def images(seed: int = 0) -> Tensor:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(2, 3, HEIGHT, WIDTH, generator=rng, dtype=torch.float64)


def pointwise(x: Tensor) -> Tensor:
    """A network that looks at one pixel at a time cannot tell windows from the canvas."""
    return torch.cat([x.sin() + x.flip(1), 2 * x - 1], 1)


@pytest.mark.parametrize("kind", ["blend", "ring", "shift"])
def test_values_and_gradients_of_a_pointwise_network_are_those_of_a_single_pass(kind: str):
    x = images().requires_grad_()
    ours, single = windows(kind).apply(pointwise, x), pointwise(x)
    assert torch.allclose(ours, single, rtol=0, atol=1e-12)
    grad = torch.randn(ours.shape, generator=torch.Generator().manual_seed(1), dtype=x.dtype)
    mine, theirs = (torch.autograd.grad((y * grad).sum(), x)[0] for y in (ours, single))
    assert torch.allclose(mine, theirs, rtol=0, atol=1e-12)


def test_one_window_is_a_single_pass_bit_for_bit():
    net, t = TinyNet(), torch.tensor([500.0, 500.0])
    x = images().float()
    whole = Windows(Axis(HEIGHT, (HEIGHT,)), Axis(WIDTH, (WIDTH,)), RandomStreams([1, 2]))
    assert torch.equal(whole.apply(net, x, t), net(x, t))


def test_a_pixel_is_the_mean_of_its_windows_by_their_gaussians():
    """Written out: windows of 10 at 0 and 8 down, and at 0, 8 and 16 across."""
    net, t, x = TinyNet(), torch.tensor([500.0, 500.0]), images().float()
    ours = windows("blend").apply(net, x, t)

    def weight(k: int) -> float:
        return math.exp(-(((k + 0.5) / 10 - 0.5) ** 2) / 0.02)

    outs = {
        (top, left): net(x[:, :, top : top + 10, left : left + 10], t)
        for top, left in product((0, 8), (0, 8, 16))
    }
    for row, column in ((0, 0), (8, 3), (9, 9), (12, 17), (17, 25), (8, 16)):
        value, total = torch.zeros(2, 6), 0.0
        for (top, left), out in outs.items():
            if top <= row < top + 10 and left <= column < left + 10:
                share = weight(row - top) * weight(column - left)
                value, total = value + share * out[:, :, row - top, column - left], total + share
        assert torch.allclose(ours[:, :, row, column], value / total, atol=1e-5)


def test_windows_on_a_ring_see_across_the_edge():
    """A network with neighbours gives the same in the middle of windows wherever the picture is
    cut open: rolled by the distance of windows, the output is rolled."""
    x, ring = images(), windows("ring")
    kernel = torch.randn(3, 3, 3, 3, generator=torch.Generator().manual_seed(2), dtype=x.dtype)

    def network(x: Tensor) -> Tensor:
        return F.conv2d(x, kernel, padding=1)

    step = ring.down.starts[1]
    assert step * len(ring.down.starts) == HEIGHT
    rolled = ring.apply(network, x.roll(step, 2))
    assert torch.allclose(rolled, ring.apply(network, x).roll(step, 2), rtol=0, atol=1e-12)


def test_shifts_differ_between_evaluations_and_an_image_has_its_own():
    x, both = images(), windows("shift")

    def neighbours(x: Tensor) -> Tensor:
        return x + 2 * F.pad(x, (1, 0, 1, 0))[:, :, :-1, :-1]

    first, second = (both.apply(neighbours, x) for _ in range(2))
    assert not torch.allclose(first, second)
    for b, seed in enumerate((3, 4)):
        alone = windows("shift", (seed,)).apply(neighbours, x[b : b + 1])
        assert torch.equal(alone, first[b : b + 1])


@pytest.mark.parametrize("kind", ["blend", "shift"])
def test_only_one_window_at_a_time_is_kept_for_the_backward_pass(kind: str):
    """What a pass keeps is less than the inputs of its windows and the canvas, whatever the
    network keeps within."""
    kept = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tensor.numel())
        return tensor

    def deep(x: Tensor) -> Tensor:
        for _ in range(50):
            x = torch.tanh(x)
        return x

    x = images().requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        windows(kind).apply(deep, x, again=True)
    assert sum(kept) < 8 * x.numel()
