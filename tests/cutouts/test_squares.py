"""Squares resized together, against each one resized alone."""

import pytest
import torch

from guided.cutouts import resize, resize_right
from guided.cutouts.squares import resize_squares

SQUARES = [(0, 0, 40), (3, 5, 9), (30, 11, 24), (33, 0, 31)]  # corners, enlarged, as is, shrunk


@pytest.mark.parametrize("size", [(24, 24), (16, 28)])
@pytest.mark.parametrize(
    ("alone", "taps"),
    [(resize.resize, resize.taps), (resize_right.resize, resize_right.inner_taps)],
)
def test_squares_and_their_gradient_are_those_of_each_alone(size, alone, taps) -> None:
    rng = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, 40, 64, generator=rng, dtype=torch.float64).requires_grad_()
    expected = torch.cat(
        [alone(image[:, :, y : y + side, x : x + side], size) for x, y, side in SQUARES]
    )
    views = resize_squares(image, SQUARES, size, taps)
    torch.testing.assert_close(views, expected, rtol=0, atol=1e-12)
    weights = torch.randn(views.shape, generator=rng, dtype=torch.float64)
    grads = [torch.autograd.grad(x, image, weights)[0] for x in (views, expected)]
    torch.testing.assert_close(*grads, rtol=0, atol=1e-12)
