"""Counting the operators that launch kernels."""

import torch

from benchmarks.launches import counted
from guided.cutouts import resize_right
from guided.cutouts.squares import resize_squares


def test_views_and_allocations_launch_nothing_and_the_backward_pass_counts() -> None:
    """One product forward, and one back."""

    def work() -> None:
        x = torch.empty(4, 6, device="meta", requires_grad=True)
        y = x.view(2, 12).T * 3
        torch.autograd.grad(y, x, torch.empty_like(y))

    assert counted(work, "meta") == {"aten::mul.Tensor": 2}


def test_operators_of_other_devices_do_not_count() -> None:
    assert not counted(lambda: torch.ones(3) + 1, "meta")


def launches_of_squares(count: int) -> int:
    def work() -> None:
        image = torch.empty(1, 3, 64, 64, device="meta", requires_grad=True)
        squares = [(k, k, 40) for k in range(count)]
        views = resize_squares(image, squares, (24, 24), resize_right.inner_taps)
        torch.autograd.grad(views, image, torch.empty_like(views))

    return counted(work, "meta").total()


def test_a_square_more_costs_its_four_products_only() -> None:
    assert launches_of_squares(8) - launches_of_squares(4) == 4 * 4
