"""Gradients through networks."""

from __future__ import annotations

import torch
from torch import Tensor


def pulled_back(image: Tensor, x: Tensor, grad: Tensor) -> Tensor:
    """The gradient with respect to x, given that with respect to an image made of x."""
    # As a number's gradient: for that of a tensor, torch imports sympy, most of a second.
    with torch.enable_grad():
        product = torch.dot(image.flatten(), grad.flatten())
    return torch.autograd.grad(product, x)[0]
