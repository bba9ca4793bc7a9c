"""What a step is made of: its operations, counted."""

import torch
from torch import Tensor, nn

from benchmarks.parts import back_and_forth, operations


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1).requires_grad_(False)

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        return self.conv(x) + t


def test_operations_are_those_of_the_way_there_and_back() -> None:
    """A convolution multiplies and adds out * in * 9 numbers for each pixel, and as many on the
    way back to its input; frozen weights need none."""
    x, t = torch.randn(1, 3, 16, 16), torch.zeros(1, 1, 1, 1)
    assert operations(back_and_forth(Network(), x, t)) == 2 * (2 * 8 * 3 * 9 * 16 * 16)
