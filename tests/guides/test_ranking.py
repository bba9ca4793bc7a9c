"""Best of many: the score."""

import pytest
import torch
import torch.nn.functional as F

from guided.guides.ranking import score
from guided.prompts.prompt import Prompt
from guided.prompts.regions import Region
from tests.doubles import LinearClip


def picture() -> torch.Tensor:
    return torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def test_the_score_is_the_weighted_cosine_of_the_whole_picture_with_the_prompts() -> None:
    clip, image = LinearClip(), picture()
    prompts = [Prompt("cat", 3), Prompt("fog", -1)]
    seen = clip.encode_image(image)
    cosines = [F.cosine_similarity(seen, clip.encode_text([p.text])).item() for p in prompts]
    expected = 0.75 * cosines[0] - 0.25 * cosines[1]
    assert score(image, prompts, {"a": clip}) == pytest.approx(expected, rel=1e-6)


def test_several_clips_are_averaged_and_each_hears_its_own_prompts() -> None:
    first, second = LinearClip(width=6), LinearClip((4, 4), width=9)
    prompts = [Prompt("cat", clips=("a",)), Prompt("dog", clips=("b",)), Prompt("gone", ends=0.5)]
    both = score(picture(), prompts, {"a": first, "b": second})
    alone = [
        score(picture(), [Prompt("cat")], {"a": first}),
        score(picture(), [Prompt("dog")], {"b": second}),
    ]
    assert both == pytest.approx(sum(alone) / 2)
    assert score(picture(), [Prompt("cat", clips=("z",))], {"a": first}) is None


def test_a_judge_hears_every_prompt_also_those_that_are_gone_by_the_end() -> None:
    guide, judge = LinearClip(width=6), LinearClip((4, 4), width=9)
    prompts = [Prompt("cat", clips=("a",), ends=0.5)]
    found = score(picture(), prompts, {"a": guide}, {"j": judge})
    assert found == pytest.approx(score(picture(), [Prompt("cat")], {"j": judge}))


def test_each_region_is_compared_with_its_own_prompts() -> None:
    clip, wide = LinearClip(), torch.cat([picture(), picture().flip(3)], 3)
    left, right = Region(box=(0, 0, 0.5, 1)), Region(box=(0.5, 0, 1, 1))
    prompts = [Prompt("cat", 3, region=left), Prompt("sun", 1, region=right)]
    cat = score(wide[..., :8], [Prompt("cat")], {"a": clip})
    sun = score(wide[..., 8:], [Prompt("sun")], {"a": clip})
    assert cat is not None and sun is not None
    assert score(wide, prompts, {"a": clip}) == pytest.approx(0.75 * cat + 0.25 * sun)
