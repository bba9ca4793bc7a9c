"""The memory plan against what torch's own allocator counts while the same step is drawn."""

import pytest

from guided.config.plan import Plan
from guided.interfaces import Request
from guided.models.model_cache import ModelCache
from guided.pipeline import Pipeline
from tests.composing import composed
from tests.doubles import allocated, counter_of, on_one_thread, towers_one_by_one

LOADED = ModelCache()  # the models, once for the tests that only count


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["cutouts.overview=24", "cutouts.inner=8"],
        ["size=128"],
        ["size=128", "generator.checkpointing=true"],
        ["size=128", "generator=tfg", "generator.samples=2"],
        ["size=64", "generator.tiles=blend"],
        ["size=64", "generator.tiles=shift", "generator.checkpointing=true"],
        ["cutouts=disco", "cutouts.batches=2", "cutouts.micro_batch=8", "guide=[clip,palette]"],
    ],
)
def test_a_guided_step_needs_what_was_planned(words: list[str]) -> None:
    plan = Plan.read(composed(["prompt=a red heart", "seed=1", "steps=12", *words]))
    pipeline = Pipeline.open(plan, LOADED)
    walker = counter_of(pipeline, plan)
    need = walker()
    request = Request(plan.size, [1], plan.steps, skip=6)
    _, _, guides = pipeline.asked(plan, [1])
    steps = pipeline.generator.generate(request, guides)
    with on_one_thread(), towers_one_by_one():
        next(steps)
        measured = allocated(lambda: next(steps))
    assert need.step == pytest.approx(measured, rel=0.15)
