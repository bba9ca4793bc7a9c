"""Vector-Jacobian products."""

import torch

from guided.diffusion.gradients import pulled_back


def test_it_is_the_transposed_jacobian_times_the_gradient() -> None:
    matrix, grad = torch.randn(2, 6, 6, dtype=torch.float64).unbind()
    x = torch.randn(6, dtype=torch.float64, requires_grad=True)
    found = pulled_back((matrix @ x).sin(), x, grad[0])
    assert torch.allclose(found, matrix.T @ ((matrix @ x).cos() * grad[0]))


def test_it_works_where_gradients_are_off() -> None:
    x = torch.ones(3, requires_grad=True)
    image = 2 * x
    with torch.no_grad():
        assert pulled_back(image, x, torch.ones(3)).tolist() == [2, 2, 2]
