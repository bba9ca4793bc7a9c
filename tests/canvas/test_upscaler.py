"""The upscaler's network."""

import torch
import torch.nn.functional as F

from guided.canvas.upscaler import Upscaler


def test_it_is_four_times_larger_and_differentiable() -> None:
    image = torch.rand(2, 3, 5, 7, requires_grad=True)
    large = Upscaler(4, 1)(image)
    assert large.shape == (2, 3, 20, 28)
    large.sum().backward()
    assert image.grad is not None and image.grad.any()


def test_without_a_correction_it_is_bilinear() -> None:
    network = Upscaler(4, 2)
    torch.nn.init.zeros_(network.tail.weight)
    torch.nn.init.zeros_(network.tail.bias)
    image = torch.rand(1, 3, 5, 7)
    expected = F.interpolate(image, scale_factor=4, mode="bilinear", align_corners=False)
    assert torch.equal(network(image), expected)
