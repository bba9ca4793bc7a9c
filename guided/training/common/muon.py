"""Muon: momentum with orthogonalised updates, so that all directions of a layer learn alike. Takes
about a third fewer samples than AdamW for the same loss of the small U-Net.

Jordan et al., "Muon: An optimizer for hidden layers in neural networks", 2024,
https://kellerjordan.github.io/posts/muon/
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

QUINTIC = (3.4445, -4.7750, 2.0315)  # Newton-Schulz coefficients of the reference


class Muon(Optimizer):
    """An optimizer of weights with two or more dimensions; a convolution counts as a matrix (out,
    in * k * k)."""

    def __init__(
        self,
        weights: Iterable[nn.Parameter],
        lr: float = 0.01,
        momentum: float = 0.95,
        decay: float = 0.0,
    ):
        super().__init__(weights, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]  # without torch's closures
        """Take a step along the orthogonalised momentum, with decoupled weight decay."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                state = self.state[weight]
                mean = state.setdefault("mean", torch.zeros_like(weight))
                mean.lerp_(weight.grad, 1 - group["momentum"])
                update = orthogonal(weight.grad.lerp(mean, group["momentum"]).flatten(1))
                tall = max(1.0, update.shape[0] / update.shape[1]) ** 0.5
                weight.mul_(1 - group["lr"] * group["decay"])
                weight.add_(update.view(weight.shape), alpha=-group["lr"] * tall)


def orthogonal(matrix: Tensor, steps: int = 5) -> Tensor:
    """Return nearly the closest (semi-)orthogonal matrix, by Newton-Schulz iterations.

    Every iterate is a polynomial of the Gram matrix times the matrix, so the iterations are done
    on the small Gram matrix: several times fewer operations for the long rows of a convolution.
    """
    a, b, c = QUINTIC
    wide = matrix.shape[0] <= matrix.shape[1]
    x = matrix if wide else matrix.T
    x = x / (x.norm() + 1e-7)
    gram = x @ x.T
    identity = torch.eye(len(gram), dtype=x.dtype, device=x.device)
    product = identity
    for _ in range(steps):
        part = a * identity + b * gram + c * gram @ gram
        product, gram = part @ product, part @ gram @ part
    x = product @ x
    return x if wide else x.T
