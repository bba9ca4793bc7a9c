"""The judge's ranking."""

import math

import pytest
import torch

from guided.config.plan import Plan
from guided.errors import BadInput
from guided.training.evaluation import judging
from guided.training.evaluation.judging import SHIPPED, Judge, firsts, judges, views
from tests.composing import composed
from tests.doubles import ColourClip


def test_ranks_count_the_texts_that_fit_better() -> None:
    purple = torch.tensor([0.5, 0.1, 0.8]).view(1, 3, 1, 1).expand(3, 3, 32, 32)
    assert Judge(ColourClip()).ranks(purple, [0, 1, 2], ["red", "green", "blue"]) == [2, 3, 1]


def test_a_chance_is_the_share_of_the_true_text_among_all() -> None:
    purple = torch.tensor([0.5, 0.1, 0.8]).view(1, 3, 1, 1).expand(3, 3, 32, 32)
    found = Judge(ColourClip()).chances(purple, [0, 1, 2], ["red", "green", "blue"])
    powers = [math.exp(10 * share) for share in (0.5, 0.1, 0.8)]
    assert found == pytest.approx([power / sum(powers) for power in powers], rel=1e-4)


def test_a_summary_of_ranks() -> None:
    assert firsts([1, 1, 7, 5]) == {"count": 4, "first": 0.5, "five": 0.75, "median": 1}


def test_six_views_are_the_whole_the_corners_and_the_middle() -> None:
    image = torch.arange(16.0 * 16).view(1, 1, 16, 16)
    whole, *parts = views(image, 6)
    assert torch.equal(whole, image) and len(parts) == 5
    assert all(part.shape == (1, 1, 14, 14) for part in parts)
    corners = [image[0, 0, y, x] for y, x in ((0, 0), (0, 15), (15, 0), (15, 15))]
    found = [parts[0][0, 0, 0, 0], parts[1][0, 0, 0, -1]]
    found += [parts[2][0, 0, -1, 0], parts[3][0, 0, -1, -1]]
    assert found == corners
    assert torch.equal(parts[4], image[:, :, 1:15, 1:15])
    assert [view.shape for view in views(image, 1)] == [image.shape]


def test_the_score_of_several_views_is_their_mean() -> None:
    """Red on the left, blue on the right: the parts show other shares of both."""
    image = torch.zeros(1, 3, 32, 32)
    image[:, 0, :, :16] = image[:, 2, :, 16:] = 1.0
    one, several = Judge(ColourClip()), Judge(ColourClip(), views=6)
    each = [one.chances(view, [0], ["red", "blue"])[0] for view in views(image, 6)]
    logits = [math.log(chance / (1 - chance)) for chance in each]
    mean = sum(logits) / 6
    assert several.chances(image, [0], ["red", "blue"])[0] == pytest.approx(
        1 / (1 + math.exp(-mean)), abs=1e-4
    )


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.read(composed(["prompt=a sun"]))


def test_the_shipped_judge_guides_nothing(plan: Plan) -> None:
    (judge,) = judges(SHIPPED, [plan], views=6)
    assert (judge.name, judge.views) == (SHIPPED, 6)
    assert judge.family.startswith("contrastive ")


@pytest.mark.parametrize("name", ["embedded", "folder"])
def test_a_clip_that_guides_is_refused_as_a_judge_before_it_is_loaded(
    name: str, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging.clip_model, "load", None)
    guiding = next(iter(plan.clips.values())).folder()
    with pytest.raises(BadInput, match="which guides the pictures: a judge must be"):
        judges(f"{SHIPPED},{guiding if name == 'folder' else name}", [plan])


def test_one_of_the_pair_judges_where_it_does_not_guide() -> None:
    other = Plan.read(composed(["prompt=a sun", "clip.embedded_b.weight=0"]))
    folder = other.clips["embedded_b"].folder()
    found = judges(f"{SHIPPED},{folder}", [other])
    assert len({judge.family for judge in found}) == 2


@pytest.mark.parametrize("text", ["", " , ", "no_such_clip"])
def test_judges_that_do_not_exist_are_told(text: str, plan: Plan) -> None:
    with pytest.raises(BadInput):
        judges(text, [plan])
