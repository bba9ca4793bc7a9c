"""Whether a picture shows what was asked for, of a picture of a red heart on white."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from guided.clip import model
from guided.guides.recognition import doubts, ranked
from guided.images import read_picture
from guided.models.cards import ClipCard
from guided.paths import EMBEDDED
from guided.prompts.lexicon import load
from guided.prompts.prompt import Prompt
from guided.prompts.regions import Region

HEART = Path(__file__).parent.parent / "fixtures" / "v0.1" / "heart.png"
LEXICON = load(EMBEDDED / "lexicon.tsv")


@pytest.fixture(scope="module")
def judge() -> model.Clip:
    card = ClipCard("judge", path="embedded/judge", lexicon="embedded/lexicon.tsv")
    return model.load(card, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def heart() -> Tensor:
    return F.interpolate(read_picture(str(HEART)), (64, 64), mode="area")


def test_the_probabilities_of_all_things_sum_to_one(judge: model.Clip, heart: Tensor) -> None:
    found = ranked(heart, judge, LEXICON)
    assert next(iter(found)) == LEXICON.read("a red heart").known
    assert sum(found.values()) == pytest.approx(1, rel=1e-5)
    assert len(found) > 400 and list(found.values()) == sorted(found.values(), reverse=True)


@pytest.mark.parametrize(
    "text", ["a red heart", "红心", "un corazón", "a heart, watercolour", "❤"]
)
def test_what_a_picture_shows_is_recognised(text: str, judge: model.Clip, heart: Tensor) -> None:
    assert doubts(heart, [Prompt(text)], judge, LEXICON) == {}


@pytest.mark.parametrize(
    ("text", "thing", "seen"), [("a big dragon", "dragon", "heart"), ("一条龙", "龙头", "心")]
)
def test_what_it_does_not_show_is_told_in_the_prompts_language(
    text: str, thing: str, seen: str, judge: model.Clip, heart: Tensor
) -> None:
    found = doubts(heart, [Prompt(text), Prompt("a cat", -1)], judge, LEXICON)
    assert list(found) == [thing] and seen in found[thing]


def test_each_region_is_looked_at_and_wide_pictures_in_the_middle(
    judge: model.Clip, heart: Tensor
) -> None:
    white = torch.ones_like(heart)
    left, right = Region(box=(0, 0, 0.5, 1)), Region(box=(0.5, 0, 1, 1))
    both = [Prompt("a red heart", region=left), Prompt("a dragon", region=right)]
    assert list(doubts(torch.cat([heart, heart], 3), both, judge, LEXICON)) == ["dragon"]
    wide = torch.cat([white, heart, white], 3)
    assert doubts(wide, [Prompt("a red heart")], judge, LEXICON) == {}


@pytest.mark.parametrize(
    "prompts",
    [
        [Prompt("a dragon"), Prompt("a sun")],
        [Prompt("xyzzy")],
        [Prompt("a dragon", -1)],
        [Prompt("", image="dragon.png")],
    ],
)
def test_nothing_is_said_where_it_is_not_known_what_is_right(
    prompts: list[Prompt], judge: model.Clip, heart: Tensor
) -> None:
    assert doubts(heart, prompts, judge, LEXICON) == {}
