"""The optimiser of the convolutions."""

import torch

from guided.training import muon


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
