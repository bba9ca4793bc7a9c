"""Guides made of a loss function, and a guide for each image of a batch."""

import pytest
import torch
from torch import Tensor

from guided.guides.base import GuidePerImage, LossGuide
from guided.interfaces import GuideGradient
from guided.rng import RandomStreams
from guided.schedule import schedule


def images(count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(count, 3, 4, 5, generator=generator, dtype=torch.float64)


def squares(scale: object = 0.5) -> LossGuide:
    return LossGuide(lambda image: image.square().sum((1, 2, 3)), schedule("scale", scale))


class Compared:
    """A guide with a similarity, active in the first half of a run."""

    def is_active(self, progress: float) -> bool:
        return progress < 0.5

    def __call__(self, image: Tensor, progress: float, rng: RandomStreams) -> GuideGradient:
        if not self.is_active(progress):
            return GuideGradient(image.new_zeros(1), torch.zeros_like(image))
        return GuideGradient(image.new_ones(1), 3 * image, image.new_full((1,), 0.25))


def test_a_loss_is_of_the_image_in_minus_one_to_one() -> None:
    image, made = images(), squares()(images(), 0, RandomStreams([1, 2]))
    # d/d image of 0.5 * (2 * image - 1)**2
    assert torch.allclose(made.grad, 2 * (2 * image - 1))
    assert torch.allclose(made.loss, 0.5 * (2 * image - 1).square().sum((1, 2, 3)))
    assert made.similarity is None and not made.grad.requires_grad


def test_a_loss_is_not_computed_where_its_scale_is_zero() -> None:
    def never(image: Tensor) -> Tensor:
        raise AssertionError("computed")

    guide = LossGuide(never, schedule("scale", [[0, 0], [0.5, 1]]))
    assert not guide.is_active(0.4) and guide.is_active(0.5)
    made = guide(images(), 0.4, RandomStreams([1, 2]))
    assert not made.grad.any() and made.loss.tolist() == [0, 0]


def test_each_image_of_a_batch_has_its_own_guide() -> None:
    both = GuidePerImage([squares(1), squares(10)])
    image, made = images(), both(images(), 0, RandomStreams([1, 2]))
    for b, scale in enumerate((1, 10)):
        alone = squares(scale)(image[b : b + 1], 0, RandomStreams([b]))
        assert torch.equal(made.grad[b : b + 1], alone.grad)
        assert torch.equal(made.loss[b : b + 1], alone.loss)
    assert made.similarity is None


@pytest.mark.parametrize("progress, similarity", [(0.2, [0.25, 0.0]), (0.8, None)])
def test_the_similarity_of_an_image_whose_guide_has_none_is_zero(
    progress: float, similarity: list[float] | None
) -> None:
    both = GuidePerImage([Compared(), squares([[0, 1], [0.5, 0]])])
    made = both(images(), progress, RandomStreams([1, 2]))
    assert (made.similarity if similarity is None else made.similarity.tolist()) == similarity
    assert both.is_active(progress) == (similarity is not None)
