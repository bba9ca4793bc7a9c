"""The manners of drawing: what each does to a coloured disc, and the sentences about them."""

import random

import pytest
import torch
from torch import Generator, Tensor

from guided.training.data import manners, pictures
from guided.training.data.manners import MANNERS

NAMES = [english for english, _ in MANNERS]


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
    plain = pictures.over(colour, alpha, torch.ones(1, 3, 1, 1))
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


def test_a_caption_names_the_thing_and_the_manner_and_its_negative_another_manner() -> None:
    choice = random.Random(0)
    for name, language in (("cat", 0), ("猫", 1)):
        for i, words in enumerate(MANNERS):
            text, negative = manners.sentence(i, name, choice)
            assert name in text and name in negative
            assert words[language] in text and words[language] not in negative
            assert any(other[language] in negative for other in MANNERS)
