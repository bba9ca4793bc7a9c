"""Gradients through networks."""

from __future__ import annotations

import torch
from torch import Tensor


def pulled_back(image: Tensor, x: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient with respect to x, given `grad` with respect to `image`, computed from
    x: a vector-Jacobian product."""
    # As the gradient of a scalar: for that of a tensor, torch imports sympy, most of a second.
    with torch.enable_grad():
        product = torch.dot(image.flatten(), grad.flatten())
    return torch.autograd.grad(product, x)[0]
