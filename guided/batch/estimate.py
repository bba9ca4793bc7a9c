"""An estimate of the time and memory that pictures take, from first steps that are thrown away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from guided.batch.passes import repeats, total
from guided.batch.throughput import duration
from guided.config.plan import Plan
from guided.pipeline import Pipeline

TRIED = 3  # steps, of which the first one warms up
SIZES = 4  # of pictures, that are tried; the others count by their pixels
GB = 2**30


@dataclass
class Estimate:
    """The time and memory that a plan, and others with the same models, take."""

    plan: Plan
    pipeline: Pipeline
    memory: int  # bytes of the weights and the largest step
    quick: bool  # whether steps can be tried
    seconds: dict[tuple[int, int], float] = field(default_factory=dict)  # of a pass, by size

    @classmethod
    def of(cls, plan: Plan) -> Estimate:
        """Load the models of a plan and count the memory of a step."""
        from guided.memory.planner import StepCounter, obvious

        pipeline = Pipeline.open(plan)
        job = pipeline.memory_request(plan)
        weights = job.weights()
        need = StepCounter(job, pipeline.memory_policy, weights)()
        little = obvious(job, sum(weights.values()), float("inf"))
        return cls(plan, pipeline, need.total, pipeline.device != "cpu" or little)

    def time(self, plans: Sequence[Plan]) -> float:
        """Return the seconds that all pictures of the plans take."""
        return sum(self.of_pass(plan) * total(plan) for plan in plans)

    def of_pass(self, plan: Plan) -> float:
        """Return the seconds that one evaluation of the networks takes for a picture."""
        if plan.size not in self.seconds:
            self.seconds[plan.size] = (
                tried(self.pipeline, plan)
                if len(self.seconds) < SIZES
                else self.of_pass(self.plan) * area(plan) / area(self.plan)
            )
        return self.seconds[plan.size]

    def as_dict(self, plans: Sequence[Plan]) -> dict[str, Any]:
        """Return it as plain data for people."""
        untried = "unknown: one step of such models takes long on a CPU"
        return {
            "time": f"{duration(self.time(plans))} of drawing" if self.quick else untried,
            "memory": f"{self.memory / GB:.2g} GB for weights and a step",
        }


def memory_of(plan: Plan, pipeline: Pipeline) -> int:
    """Return the bytes of the weights and the largest step of a plan."""
    from guided.memory.planner import StepCounter

    job = pipeline.memory_request(plan)
    return StepCounter(job, pipeline.memory_policy, job.weights())().total


def seconds_of_pass(plan: Plan) -> float | None:
    """Return the seconds that one evaluation of the networks takes for a picture of a plan; None
    where trying takes too long."""
    estimate = Estimate.of(plan)
    return estimate.of_pass(plan) if estimate.quick else None


def tried(pipeline: Pipeline, plan: Plan) -> float:
    """Return the seconds of one pass for one picture, as the fastest of the first steps has it."""
    seeds = [plan.seed + k for k in range(min(plan.batch_size, plan.count))]
    found = []
    for frame in pipeline.batch(plan, 0, seeds):
        progress = (frame.step + plan.skip - 1) / plan.steps
        found.append(frame.seconds / repeats(plan, progress))
        if frame.step == TRIED:
            break
    return min(found)


def area(plan: Plan) -> int:
    """Return the pixels that are drawn, of which the finished picture may have more."""
    return plan.size[0] * plan.size[1]
