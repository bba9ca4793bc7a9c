"""Resizing with the values of resize-right, up to the border."""

import pytest
import resize_right
import torch

from guided.cutouts.resize_right import cubic, resize


@pytest.mark.parametrize("before", [(48, 48), (33, 70), (24, 24), (10, 16), (200, 31)])
@pytest.mark.parametrize("after", [(24, 24), (7, 50)])
def test_resizing_equals_resize_right_up_to_the_border(
    before: tuple[int, int], after: tuple[int, int]
) -> None:
    image = torch.rand(1, 3, *before, generator=torch.Generator().manual_seed(1))
    expected = resize_right.resize(image, out_shape=[1, 3, *after])
    assert (resize(image, after) - expected).abs().max() < 2e-5


def test_the_kernel_interpolates_and_sums_to_one() -> None:
    """1 at 0, 0 at the other whole numbers, and a partition of unity (Keys, 1981)."""
    assert cubic(torch.tensor([0.0, 1, 2, 3, -1])).tolist() == [1, 0, 0, 0, 0]
    shifts = torch.arange(-3, 4) + torch.linspace(0, 1, 11, dtype=torch.float64)[:, None]
    assert torch.allclose(cubic(shifts).sum(1), torch.ones(11, dtype=torch.float64))
