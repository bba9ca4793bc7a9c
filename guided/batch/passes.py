"""Passes: how often the steps of pictures evaluate the networks. Imports no torch."""

from __future__ import annotations

from dataclasses import replace
from itertools import accumulate
from typing import Any

from guided.config.plan import Plan


def total(plan: Plan) -> int:
    """Return how often the networks are evaluated for all pictures of a plan."""
    film = plan.film
    if film is None:
        return plan.count * passes(plan)
    counts: dict[tuple[Any, ...], int] = {}  # many frames have the same skip and sampler
    found = 0
    for frame in film.drawn:
        if frame in film.made:
            skip = plan.frame_skip(film, frame, film.uncovers(frame)) if frame else plan.skip
            varied = film.varied(frame).items()
            facts = (frame == 0, skip, *((k, v) for k, v in varied if k.startswith("sampler.")))
            if facts not in counts:
                counts[facts] = passes(replace(plan.at_frame(frame), skip=skip))
            found += counts[facts]
    return found


def passes(plan: Plan) -> int:
    """Return how often the networks are evaluated for a picture."""
    return sum(passes_of_steps(plan))


def passes_of_steps(plan: Plan) -> list[int]:
    """Return how often each step that is taken evaluates the networks."""
    return [repeats(plan, k / plan.steps) for k in range(plan.skip, plan.steps)]


def shares(plan: Plan) -> list[float]:
    """Return the share of a picture's passes that are done after each step."""
    done = list(accumulate(passes_of_steps(plan)))
    return [count / done[-1] for count in done]


def repeats(plan: Plan, progress: float) -> int:
    """Return how often the step at `progress` (0..1) is taken."""
    return plan.sampler.repeats(progress) if "sampler" in plan.generator.uses else 1
