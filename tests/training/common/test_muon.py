"""The optimiser of the convolutions."""

import torch

from guided.training.common import muon


def test_muon_orthogonalises_and_learns() -> None:
    matrix = muon.orthogonal(
        torch.randn(16, 40, generator=torch.Generator().manual_seed(0)), steps=10
    )
    sizes = torch.linalg.svdvals(matrix)
    assert sizes.min() > 0.6 and sizes.max() < 1.3
    weight, target = torch.nn.Parameter(torch.zeros(8, 8)), torch.eye(8)
    optimizer = muon.Muon([weight], lr=0.05)
    for _ in range(60):
        optimizer.zero_grad()
        (weight - target).square().sum().backward()
        optimizer.step()
    assert (weight - target).abs().max() < 0.15


def test_the_gram_matrix_takes_every_iteration() -> None:
    """As when each Newton-Schulz iteration is applied to the matrix itself."""
    a, b, c = muon.QUINTIC
    for shape in ((12, 70), (70, 12), (9, 9)):
        drawn = torch.randn(shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
        x = drawn / drawn.norm()
        for _ in range(5):
            x = a * x + b * (x @ x.T) @ x + c * (x @ x.T) @ (x @ x.T) @ x
        assert (muon.orthogonal(drawn) - x).abs().max() < 1e-6
