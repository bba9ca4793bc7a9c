"""A window for each region: predicted alone, joined on a ground that they share."""

import pytest
import torch
from torch import Tensor

from guided.diffusion.region_windows import ALIKE, RegionWindows, edge, likeness
from guided.interfaces import Prediction
from guided.timeline import Timeline

LINE = Timeline((0.0, 500.0), (0.99, 0.5))


class Squared:
    """Predicts the square of what it sees, as if it knew it."""

    timeline = LINE

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, x: Tensor, i: int) -> Prediction:
        self.seen.append(tuple(x.shape))
        return Prediction(x**2, x**2, x)


class Painted(Squared):
    """Predicts a red square of 4 pixels in the middle of grounds, each darker than the last."""

    def __call__(self, x: Tensor, i: int) -> Prediction:
        super().__call__(x, i)
        image = torch.ones_like(x) * (0.8 - 0.1 * torch.arange(len(x))).view(-1, 1, 1, 1)
        image[:, :, 6:10, 6:10] = torch.tensor([1.0, -1.0, -1.0])[:, None, None]
        return Prediction(image, image)


def windows(model: Squared, canvas: tuple[int, int], *regions: tuple[int, int, int, int]):
    return RegionWindows.of(model, (16, 16), canvas, [regions])


def test_a_window_is_around_the_middle_of_its_region_and_inside_the_canvas():
    regions = [(0, 0, 16, 16), (20, 4, 30, 8), (40, 0, 48, 32), (0, 0, 48, 32)]
    made = windows(Squared(), (48, 32), *regions)
    assert made.corners == [[(0, 0), (17, 0), (32, 8), (16, 8)]]
    small = windows(Squared(), (48, 8), (0, 0, 48, 8))
    assert small.size == (16, 8) and small.corners == [[(16, 0)]]


def test_each_window_is_predicted_alone_at_the_models_own_size():
    model = Squared()
    x = torch.randn(1, 3, 16, 48, generator=torch.Generator().manual_seed(0))
    before = windows(model, (48, 16), (0, 0, 16, 16), (32, 0, 48, 16))
    prediction = before(x, 1)
    assert model.seen == [(2, 3, 16, 16)]
    assert prediction.guided.shape == prediction.variance.shape == x.shape
    changed = x.clone()
    changed[..., 32:] += 0.1
    # Another window is seen only in the ground, which hardly counts in the middle.
    after = before(changed, 1).guided
    assert not torch.allclose(after[..., 36:44], prediction.guided[..., 36:44], atol=0.01)
    assert torch.allclose(before.cut(x, 1), x[..., 32:])


def test_all_windows_and_what_none_covers_have_one_ground():
    made = windows(Painted(), (64, 32), (0, 0, 16, 16), (24, 8, 40, 24), (48, 16, 64, 32))
    image = made(torch.zeros(1, 3, 32, 64), 1).guided
    ground = torch.tensor(0.7)  # the mean of 0.8, 0.7 and 0.6
    for left, top in made.corners[0]:
        part = image[0, :, top : top + 16, left : left + 16]
        assert part[0, 7, 7] > 0.9 and part[1, 7, 7] < -0.8  # the red square
    red = torch.zeros(32, 64, dtype=torch.bool)
    for left, top in made.corners[0]:
        red[top + 6 : top + 10, left + 6 : left + 10] = True
    assert (image[0, :, ~red] - ground).abs().max() < 0.02


def test_an_init_picture_is_the_ground_that_no_window_covers():
    init = torch.rand(1, 3, 16, 48, generator=torch.Generator().manual_seed(0)) * 2 - 1
    made = RegionWindows.of(Painted(), (16, 16), (48, 16), [[(0, 0, 16, 16)]], init)
    image = made(torch.zeros(1, 3, 16, 48), 1).guided
    assert torch.allclose(image[..., 16:], init[..., 16:])
    expected = (0.8 + 0.05 * init[0, 0, 4, 4].item()) / 1.05
    assert image[0, 0, 4, 4].item() == pytest.approx(expected, abs=0.01)


def test_the_images_of_a_batch_have_windows_of_their_own():
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    places = [[(0, 0, 16, 16)], [(16, 16, 32, 32)]]
    both = RegionWindows.of(Squared(), (16, 16), (32, 32), places)(x, 1).guided
    for b in range(2):
        alone = RegionWindows.of(Squared(), (16, 16), (32, 32), places[b : b + 1])
        assert torch.equal(both[b : b + 1], alone(x[b : b + 1], 1).guided)


def test_the_gradient_goes_back_through_the_windows():
    x = torch.rand(1, 3, 16, 48, generator=torch.Generator().manual_seed(0), requires_grad=True)
    made = windows(Squared(), (48, 16), (0, 0, 16, 16))
    (grad,) = torch.autograd.grad(made(x, 1).guided.sum(), x)
    assert grad[..., :16].abs().min() > 0 or grad[..., 4:12, 4:12].abs().min() > 0
    assert not grad[..., 16:].any()


def test_the_ground_is_the_median_of_the_edge_and_its_likeness_falls_with_distance():
    window = torch.zeros(1, 3, 8, 8)
    window[:, :, 0, :3] = 1  # an object that touches the edge
    assert not edge(window).any()
    colours = torch.tensor([0.0, ALIKE, 3 * ALIKE]).view(1, 1, 1, 3).expand(1, 3, 1, 3)
    found = likeness(colours, torch.zeros(1, 3, 1, 1))[0, 0, 0]
    assert found.tolist() == pytest.approx([1, 0.3679, 0.0001234], rel=1e-3)


def test_its_boxes_are_those_of_the_windows():
    made = windows(Squared(), (48, 16), (0, 0, 16, 16), (20, 4, 40, 8))
    assert made.boxes == [[(0, 0, 16, 16), (22, 0, 38, 16)]]
