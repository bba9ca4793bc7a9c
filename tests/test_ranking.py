"""Best of many: the score, and which pictures are kept."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from guided.prompt import Prompt
from guided.ranking import ASIDE, Best, score
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


@given(
    scores=st.lists(st.floats(-1, 1) | st.none(), min_size=1, max_size=12),
    keep=st.integers(1, 12),
)
def test_the_best_stay_and_nothing_is_lost(tmp_path_factory, scores, keep) -> None:
    folder: Path = tmp_path_factory.mktemp("run")
    best = Best(keep)
    for k, found in enumerate(scores):
        path = folder / f"image_{k:04d}.png"
        path.write_text(str(k))
        best.add(path, found)
    order = sorted(range(len(scores)), key=lambda k: -2 if scores[k] is None else scores[k])
    kept = {int(path.read_text()) for path in folder.glob("*.png")}
    others = {int(path.read_text()) for path in folder.glob(f"{ASIDE}/*.png")}
    assert kept | others == set(range(len(scores))) and not kept & others
    assert len(kept) == min(keep, len(scores))
    value = [-2 if found is None else found for found in scores]
    assert sorted(value[k] for k in kept) == sorted(value[k] for k in order[-keep:])
    assert [path for path, _ in best.ranked()] == sorted(
        best.scores, key=lambda path: -best.scores[path]
    )
