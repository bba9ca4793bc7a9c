"""The memory plan of a pipeline: when it is made, and its effect."""

import gc
from weakref import ref

import torch

from guided.config.plan import Plan
from guided.diffusion.guidance_target import GuidanceTarget
from guided.diffusion.secondary import SecondaryModel
from guided.memory.planner import moments
from guided.models.model_cache import ModelCache
from guided.pipeline import Pipeline
from guided.schedule import schedule
from tests.composing import composed
from tests.doubles import counter_of

LOADED = ModelCache()  # the models, once for the tests that only count


def test_a_limit_cuts_the_step_and_draws_the_same_picture() -> None:
    words = ["prompt=a red heart", "seed=1", "steps=12", "skip=9", "cutouts=disco"]
    words += ["cutouts.batches=1", "generator.checkpointing=false"]
    frames, said = [], []
    for more in ("memory=off", "memory=0.067"):
        plan = Plan.read(composed([*words, more]))
        pipeline = Pipeline.open(plan)
        frames.append(list(pipeline.frames(plan))[-1])
        said.append(pipeline.memory_report)
    assert said[0] is None and "cutouts.micro_batch=" in said[1]
    assert 1 <= pipeline.memory_policy.micro_batch < 16
    assert torch.allclose(frames[0].image, frames[1].image, atol=1e-3)


def test_a_row_like_the_one_before_is_not_counted_again() -> None:
    words = ["prompt=a red heart", "seed=1", "steps=20", "memory=3"]
    loaded = ModelCache()
    rows = [
        Pipeline.open(Plan.read(composed([*words, *more])), loaded)
        for more in ([], ["prompt=a sun"], ["cutouts.inner=3"])
    ]
    assert [row.memory_report is None for row in rows] == [False, True, False]
    assert rows[0].memory_policy is rows[1].memory_policy is not rows[2].memory_policy
    assert rows[1].generator.memory_policy is rows[0].memory_policy


def test_a_row_of_more_images_is_counted_for_itself() -> None:
    words = ["prompt=a red heart", "seed=1", "steps=20", "memory=3", "batch_size=2"]
    loaded = ModelCache()
    one, two = (
        Pipeline.open(Plan.read(composed([*words, f"count={count}"])), loaded) for count in (1, 2)
    )
    assert one.memory_report and two.memory_report and one.memory_report != two.memory_report


def test_a_row_lets_go_of_the_clips_of_rows_before() -> None:
    words, loaded = ["prompt=a red heart", "seed=1", "steps=20"], ModelCache()
    before = Pipeline.open(Plan.read(composed(words)), loaded)
    clip = ref(before.clips["embedded_a"])
    del before
    Pipeline.open(Plan.read(composed([*words, "precision=bfloat16"])), loaded)
    gc.collect()
    assert clip() is None


def test_a_clip_that_comes_later_is_counted() -> None:
    """The larger one alone, and after the smaller one."""
    early, late = "[[0,1],[0.5,1],[0.51,0]]", "[[0,0],[0.5,0],[0.51,1]]"
    needs = []
    for a, b in ((1, 0), (0, 1), (late, early), (early, late)):
        weights = [f"clip.embedded_a.weight={a}", f"clip.embedded_b.weight={b}"]
        plan = Plan.read(composed(["prompt=a red heart", "seed=1", "steps=20", *weights]))
        pipeline = Pipeline.open(plan, LOADED)
        needs.append(counter_of(pipeline, plan)().guides)
    assert needs[0] != needs[1]
    assert needs[2] == needs[3] == max(needs[:2])


def test_a_secondary_model_that_ends_early_leaves_the_way_back_through_the_u_net() -> None:
    plan = Plan.read(composed(["prompt=a red heart", "seed=1", "steps=20"]))
    sight = GuidanceTarget(
        secondary=SecondaryModel(), when=schedule("secondary", [[0, 1], [0.5, 0]])
    )
    weights = [card.weight for card in plan.clips.values()]
    found = moments(plan.cutouts, weights, sight.uses_secondary)
    assert {sight.uses_secondary(progress) for progress in found} == {True, False}
