"""The CLIP guide of regions: each has its own cutouts, prompts and strength."""

import pytest
import torch
from torch import Tensor

from guided.cutouts.settings import Cutouts
from guided.guides.clip import ClipGuide
from guided.guides.region_loss import RegionSimilarity
from guided.interfaces import GuideGradient, Scene
from guided.prompts.prompt import Prompt
from guided.prompts.regions import Region
from guided.rng import RandomStreams
from tests.doubles import LinearClip, numerical, relative

LEFT, RIGHT = Region(box=(0, 0, 0.5, 1)), Region(box=(0.5, 0, 1, 1))
STILL = Cutouts(overview=1, inner=0, augment=False)


def picture(width: int = 16) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(1, 3, 8, width, generator=generator, dtype=torch.float64)


def guide(*prompts: Prompt, cutouts: Cutouts = STILL) -> RegionSimilarity:
    scene = Scene(list(prompts), {"0": LinearClip()}, cutouts, torch.device("cpu"))
    return ClipGuide(scale=3.0).prepare(scene)


def pull(*prompts: Prompt, image: Tensor, progress: float = 0.5) -> GuideGradient:
    return guide(*prompts)(image, progress, RandomStreams([1]))


def test_a_region_alone_is_guided_like_a_picture_of_its_own():
    whole = picture()
    found = pull(Prompt("a tree", region=LEFT), image=whole)
    alone = pull(Prompt("a tree"), image=whole[..., :8])
    assert torch.allclose(found.grad[..., :8], alone.grad)
    assert not found.grad[..., 8:].any()
    assert found.loss.item() == pytest.approx(alone.loss.item())
    assert found.similarity.item() == pytest.approx(alone.similarity.item())


def test_the_gradient_is_that_of_the_loss():
    prompts = [
        Prompt("a field", 0.5),
        Prompt("a tree", 2.0, region=LEFT),
        Prompt("fog", -1.0, region=LEFT),
        Prompt("a sun", region=Region(box=(0.25, 0, 1, 1))),
    ]
    made, image = guide(*prompts), picture()

    def loss(image: Tensor) -> Tensor:
        return made(image, 0.5, RandomStreams([1])).loss.sum()

    # The bars around a letter-boxed view have its mean colour, which passes no gradient: a wide
    # part would have to be square for differences to agree.
    square = guide(*prompts[1:3])
    found = square(image, 0.5, RandomStreams([1])).grad
    assert (
        relative(found, numerical(lambda x: square(x, 0.5, RandomStreams([1])).loss.sum(), image))
        < 1e-6
    )
    parts = [
        (0.5 / 2.5, pull(Prompt("a field"), image=image).loss, 1),
        (
            3 / 2.5,
            pull(*[Prompt("a tree", 2.0), Prompt("fog", -1.0)], image=image[..., :8]).loss,
            0.8,
        ),
        (1 / 2.5, pull(Prompt("a sun"), image=image[..., 4:]).loss, 1.2),
    ]  # W = 0.5, the mean of 3 and 1 is 2; areas of 64 and 96 pixels have the mean 80
    assert loss(image).item() == pytest.approx(sum((a * b * c).item() for a, b, c in parts))


def test_regions_of_any_size_are_guided_by_their_area():
    image = picture(24)
    both = [
        Prompt("a tree", region=Region(box=(0, 0, 1 / 3, 1))),
        Prompt("a sun", region=Region(box=(1 / 3, 0, 1, 1))),
    ]
    made = guide(*both)
    small, large = made.strengths([part.view(image) for part in made.parts], 0.5)
    assert (small, large) == pytest.approx((64 / 96, 128 / 96))


def test_a_region_counts_in_its_part_of_the_run_and_changes_no_other():
    image = picture()
    early = [Prompt("a tree", region=LEFT), Prompt("a sun", region=RIGHT, ends=0.4)]
    made = guide(*early, cutouts=Cutouts(overview=2, inner=2))
    alone = guide(early[0], cutouts=Cutouts(overview=2, inner=2))
    assert made.is_active(0.9) and made(image, 0.2, RandomStreams([1])).grad[..., 8:].any()
    late = made(image, 0.5, RandomStreams([1]))
    assert not late.grad[..., 8:].any()
    assert torch.allclose(late.grad, alone(image, 0.5, RandomStreams([1])).grad)


def test_without_regions_the_guide_is_the_one_of_the_whole_picture():
    scene = Scene([Prompt("a tree")], {"0": LinearClip()}, STILL, torch.device("cpu"))
    assert not isinstance(ClipGuide().prepare(scene), RegionSimilarity)


def test_the_prompt_of_the_whole_picture_sees_all_of_it():
    middle = Cutouts(overview=1, inner=0, augment=False, area="middle")
    made = guide(Prompt("a field"), Prompt("a tree", region=LEFT), cutouts=middle)
    assert made(picture(32), 0.5, RandomStreams([1])).grad[..., 16:].any()


def test_the_cutouts_of_a_region_are_not_rolled_where_edges_of_the_picture_meet():
    scene = Scene(
        [Prompt("a field"), Prompt("a tree", region=LEFT)],
        {"0": LinearClip()},
        STILL,
        torch.device("cpu"),
        rings=(True, True),
    )
    whole, region = (part.guide for part in ClipGuide().prepare(scene).parts)
    assert whole.rings == (True, True) and region.rings == (False, False)
