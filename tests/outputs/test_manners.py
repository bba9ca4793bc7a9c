"""The manners of drawing: what each does to a coloured disc, and the sentences about them."""

import pytest
import torch
from torch import Generator, Tensor

from guided.outputs.manner_names import NAMES
from guided.outputs.manners import FILTERS, cells, over, rendered, separated
from guided.training.data import manners


def disc(size: int, rgb: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    """Return premultiplied colour and alpha of a disc over the middle of the square."""
    line = torch.linspace(-1, 1, size)
    alpha = ((line[:, None] ** 2 + line[None] ** 2) < 0.5).float().view(1, 1, size, size)
    return torch.tensor(rgb).view(1, 3, 1, 1) * alpha, alpha


def drawn(name: str, rgb: tuple[float, float, float] = (0.9, 0.2, 0.1), seed: int = 0) -> Tensor:
    which = torch.tensor([NAMES.index(name)])
    return manners.drawn(*disc(64, rgb), which, Generator().manual_seed(seed))[0]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [32, 64])
def test_a_manner_makes_a_picture_of_the_same_size_that_differs_from_the_plain_one(
    name: str, size: int
) -> None:
    colour, alpha = disc(size, (0.9, 0.5, 0.1))
    which = torch.tensor([NAMES.index(name)] * 2)
    both = torch.cat([colour, colour]), torch.cat([alpha, alpha])
    made = manners.drawn(*both, which, Generator().manual_seed(0))
    assert made.shape == (2, 3, size, size)
    assert made.min() >= 0 and made.max() <= 1
    plain = over(colour, alpha, torch.ones(1, 3, 1, 1))
    assert (made[:1] - plain).abs().mean() > 0.03
    again = manners.drawn(*both, which, Generator().manual_seed(0))
    assert torch.equal(made, again)


@pytest.mark.parametrize("name", ["ink wash", "pencil drawing", "line art", "black and white"])
def test_manners_without_colour_are_grey(name: str) -> None:
    image = drawn(name)
    assert (image.amax(0) - image.amin(0)).max() < 0.15


def test_grounds_and_objects_have_the_tones_that_a_manner_is_known_for() -> None:
    corner, middle = (slice(None), 2, 2), (slice(None), 32, 32)
    assert drawn("silhouette")[middle].max() < 0.1 < 0.5 < drawn("silhouette")[corner].min()
    red, green, blue = drawn("blueprint")[corner]
    assert blue > 2 * max(red, green) - 0.4 and blue > 0.5
    assert drawn("neon")[corner].max() < 0.15
    assert drawn("chalk drawing")[corner].max() < 0.35
    assert drawn("night")[middle].mean() < 0.5 * 0.9
    red, green, blue = drawn("sepia")[middle]
    assert red > green > blue
    red, green, blue = drawn("paper cut", rgb=(0.1, 0.7, 0.2))[middle]
    assert red > 0.6 > 0.3 > max(green, blue)


@pytest.mark.parametrize("grey", [0.0, 0.3, 0.49, 0.5, 0.7, 1.0])
def test_no_object_of_one_grey_vanishes_in_a_black_and_white_picture(grey: float) -> None:
    for seed in range(5):
        rng = Generator().manual_seed(seed)
        image = FILTERS["black and white"](*disc(256, (grey,) * 3), rng)[0, 0]
        assert abs(image[2, 2] - image[128, 128]) > 0.2


def ring(size: int = 96) -> Tensor:
    """Return a dark red ring on pale blue, with the ground's colour in its middle."""
    line = torch.linspace(-1, 1, size)
    radius = (line[:, None] ** 2 + line[None] ** 2).sqrt()
    band = ((radius > 0.3) & (radius < 0.7)).float()
    ground, red = torch.tensor([0.8, 0.9, 1.0]), torch.tensor([0.5, 0.1, 0.1])
    return (ground.view(3, 1, 1) * (1 - band) + red.view(3, 1, 1) * band)[None]


def test_what_the_object_encloses_belongs_to_it() -> None:
    alpha, ground = separated(ring())
    assert torch.allclose(ground.flatten(), torch.tensor([0.8, 0.9, 1.0]))
    assert alpha[0, 0, 48, 48] == 1  # of the ground's colour, but enclosed
    assert alpha[0, 0, 48, 48 + 24] == 1
    assert alpha[0, 0, 2, 2] == alpha[0, 0, 48, 2] == 0
    assert alpha.mean() == pytest.approx(torch.pi * 0.7**2 / 4, rel=0.05)


def test_a_picture_without_a_plain_ground_is_the_object_as_a_whole() -> None:
    noise = torch.rand(1, 3, 40, 60, generator=Generator().manual_seed(0))
    assert separated(noise)[0].min() == 1


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("height, width", [(96, 96), (64, 160), (130, 50)])
def test_a_finished_picture_keeps_its_size_and_is_the_same_by_seed(
    name: str, height: int, width: int
) -> None:
    image = torch.full((1, 3, height, width), 0.9)
    image[:, :, height // 4 : height // 2, width // 4 : width // 2] = 0.2
    made = rendered(image, name, seed=3)
    assert made.shape == image.shape
    assert made.min() >= 0 and made.max() <= 1
    assert torch.equal(made, rendered(image, name, seed=3))
    assert (made - image).abs().mean() > 0.01


def test_the_seed_decides_what_is_random_in_a_manner() -> None:
    assert not torch.equal(rendered(ring(), "night", 1), rendered(ring(), "night", 2))


def test_only_the_object_glows_in_neon() -> None:
    made = rendered(ring(), "neon", 0)
    assert made[..., 2, 2].max() < 0.1
    edge = 48 + round(0.7 * 48)
    assert made[0, 0, 48, edge - 3 : edge + 3].max() > 0.5


@pytest.mark.parametrize("name", ["silhouette", "paper cut"])
def test_the_shape_of_a_picture_without_a_plain_ground_is_what_is_dark(name: str) -> None:
    image = 0.7 + 0.3 * torch.rand(1, 3, 96, 96, generator=Generator().manual_seed(0))
    image[..., 30:60, 30:60] = 0.1
    made = rendered(image, name, 0).mean(1)[0]
    assert (made[40:50, 40:50].mean() - made[:20, :20].mean()).abs() > 0.3


def test_a_wide_picture_has_no_edge_where_it_is_made_square() -> None:
    ramp = torch.linspace(0.2, 0.8, 128).expand(1, 3, 64, 128)
    made = rendered(ramp, "line art", 0)
    assert made.min() > 0.9


def test_the_panes_of_stained_glass_have_the_mean_colour_of_what_they_cover() -> None:
    image = torch.rand(2, 3, 300, 300, generator=Generator().manual_seed(0))
    panes, border = cells(image, 12, Generator().manual_seed(1))  # in two chunks
    assert torch.allclose(panes.mean((2, 3)), image.mean((2, 3)), atol=1e-5)
    assert 0 < border.mean() < 0.5
    for pane in panes.flatten(2).unbind():
        assert len(pane.T.unique(dim=0)) == 12


def test_every_manner_has_its_filter() -> None:
    assert tuple(FILTERS) == NAMES
