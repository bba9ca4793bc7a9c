"""Bicubic resizing against resize-right, inside the border, and its gradient."""

import pytest
import resize_right
import torch

from guided.cutouts.resize import resize, resizing

SHAPES = [(48, 48), (32, 64), (70, 40), (16, 80)]  # height, width


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(8, 8), (12, 12), (96, 96), (20, 30)])
def test_resizing_equals_resize_right_inside_the_border(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    """At the border resize-right mixes in black; the picture goes on there instead."""
    image = torch.rand(1, 3, *shape, generator=torch.Generator().manual_seed(1))
    expected = resize_right.resize(image, out_shape=[1, 3, *size])
    # The cubic kernel reaches two pixels of the coarser grid.
    h, w = (max(2, -(-2 * size[k] // shape[k])) for k in (0, 1))
    assert size[0] > 2 * h and size[1] > 2 * w
    inside = (..., slice(h, -h), slice(w, -w))
    assert (resize(image, size) - expected)[inside].abs().max() < 2e-5


def test_a_fine_pattern_is_averaged_when_it_shrinks() -> None:
    """Without antialiasing a checkerboard becomes stripes or one of its colours."""
    board = (torch.arange(64)[:, None] + torch.arange(64)[None]) % 2
    small = resize(board.float().expand(1, 3, 64, 64), (16, 16))
    assert (small - 0.5)[..., 2:-2, 2:-2].abs().max() < 0.02


@pytest.mark.parametrize("before, after", [(48, 12), (12, 48), (33, 7), (5, 5)])
def test_every_pixel_is_a_weighted_mean(before: int, after: int) -> None:
    assert torch.allclose(resizing(before, after).sum(1), torch.ones(after), atol=1e-5)


def test_the_gradient_is_the_transpose_of_resizing() -> None:
    """<resize(x), y> = <x, resize^T(y)> for a linear map."""
    x = torch.rand(1, 3, 9, 14, dtype=torch.float64, requires_grad=True)
    y = torch.rand(1, 3, 5, 20, dtype=torch.float64)
    inner = (resize(x, (5, 20)) * y).sum()
    (grad,) = torch.autograd.grad(inner, x)
    assert (grad * x).sum().item() == pytest.approx(inner.item(), rel=1e-9)
