"""Predictions whose edges meet."""

import pytest
import torch

from guided.diffusion.closed_edges import ClosedEdges, closed
from guided.diffusion.noise_schedule import timeline
from tests.doubles import GaussianDenoiser, numerical


@pytest.mark.parametrize("dim", [2, 3])
def test_the_edges_are_equal_and_the_middle_stays(dim: int) -> None:
    image = torch.randn(2, 3, 16, 24, generator=torch.Generator().manual_seed(0))
    made, length = closed(image, dim), image.shape[dim]
    first, last = made.narrow(dim, 0, 1), made.narrow(dim, length - 1, 1)
    mean = (image.narrow(dim, 0, 1) + image.narrow(dim, length - 1, 1)) / 2
    assert torch.allclose(first, last, atol=1e-6) and torch.allclose(first, mean, atol=1e-6)
    quarter = length // 4
    inside = quarter, length - 2 * quarter
    assert torch.equal(made.narrow(dim, *inside), image.narrow(dim, *inside))
    assert torch.allclose(closed(made, dim), made, atol=1e-6)  # nothing is left to change


def test_a_ground_of_one_colour_stays() -> None:
    image = torch.full((1, 3, 8, 8), 0.3)
    image[:, :, 3:5, 3:5] = -1
    assert torch.equal(closed(closed(image, 3), 2), image)


def test_the_gradient_goes_through() -> None:
    line = timeline("linear", 10)
    denoiser = ClosedEdges(GaussianDenoiser(line, 0.2, 0.7), (True, True))
    x = torch.randn(1, 1, 4, 5, generator=torch.Generator().manual_seed(1)).double()
    weights = torch.randn(x.shape, generator=torch.Generator().manual_seed(2)).double()

    def loss(x: torch.Tensor) -> torch.Tensor:
        return (denoiser(x, 5).guided * weights).sum()

    leaf = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(loss(leaf), leaf)
    assert torch.allclose(grad, numerical(loss, x), atol=1e-6)
