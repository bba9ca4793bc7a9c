"""Prompts by key frame, {0: a castle, 60: a forest}, that lead over from one to the next.

Between two key frames the weights of the first fall and those of the second rise, linearly;
{hold: {...}} changes them at once, {cubic: {...}} smoothly. Imports no torch.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

from guided.animation.keyframes import HOLD, WAYS, Timing, in_order
from guided.errors import BadInput, not_one_of, shown
from guided.prompts import prompt as prompts
from guided.prompts.lists import read as read_list
from guided.prompts.prompt import Prompt

EXAMPLE = "animate.prompts='{0: a castle, 60: a forest}'"
MOST = 500


@dataclass(frozen=True)
class PromptTrack:
    """Prompts by key frame."""

    starts: tuple[float, ...]
    prompts: tuple[tuple[Prompt, ...], ...]
    way: str = "linear"
    period: int = 0  # frames after which a loop begins anew; 0: it is none

    def at(self, frame: float) -> list[Prompt]:
        """Return the prompts of a frame, with their weights there."""
        last, share = self.between(frame)
        if not share:
            return list(self.prompts[last])
        before = [scaled(one, 1 - share) for one in self.prompts[last]]
        return before + [scaled(one, share) for one in self.prompts[last + 1]]

    def between(self, frame: float) -> tuple[int, float]:
        """Return the number of the last key frame, and the share of the next one at a frame."""
        if frame < self.starts[0]:
            frame += self.period
        last = max(0, bisect_right(self.starts, frame) - 1)
        if frame <= self.starts[last] or last + 1 == len(self.starts) or self.way == HOLD:
            return last, 0.0
        start, end = self.starts[last : last + 2]
        share = (frame - start) / (end - start)
        return last, share if self.way == "linear" else share**2 * (3 - 2 * share)

    def change(self, frame: int) -> float:
        """Return how much the prompts change at a frame, 0 to 1: most midway between two key
        frames, or at the frame at which others hold."""
        last, share = self.between(frame)
        if self.way == HOLD:
            return float(frame > 0 and self.differ(self.between(frame - 1)[0], last))
        return 4 * share * (1 - share) if share and self.differ(last, last + 1) else 0.0

    def differ(self, one: int, other: int) -> bool:
        """Return whether the prompts of two key frames are others."""
        return unnumbered(self.prompts[one]) != unnumbered(self.prompts[other])


def unnumbered(prompts: tuple[Prompt, ...]) -> list[Prompt]:
    """Return the prompts without their numbers."""
    return [replace(prompt, number=None) for prompt in prompts]


def scaled(prompt: Prompt, factor: float) -> Prompt:
    """Return the prompt with `factor` times its weight."""
    weight = prompt.weight
    if callable(weight):
        return replace(prompt, weight=Scaled(weight, factor))
    return replace(prompt, weight=weight * factor)


@dataclass(frozen=True)
class Scaled:
    """A weight that varies over a picture's run, times a factor."""

    weight: Callable[[float], float]
    factor: float

    def __call__(self, progress: float) -> float:
        return self.factor * self.weight(progress)


def read_prompts(value: Any, timing: Timing, loop: bool) -> PromptTrack | None:
    """Return the prompts of a mapping from key frames to prompts, as prompt= takes them; None
    without one. Raise BadInput for other values."""
    if value is None:
        return None
    if isinstance(value, str):
        value = read_list(value, escapes=True) or value
    way = "linear"
    inside = next(iter(value.values()), None) if isinstance(value, dict) else None
    if isinstance(inside, dict) and len(value) == 1 and "text" not in inside:
        ((way, value),) = value.items()
        if way not in WAYS:
            raise BadInput(not_one_of("animate.prompts", way, WAYS))
    if not isinstance(value, dict) or not value or len(value) > MOST:
        raise BadInput(f"animate.prompts={shown(value)} must be prompts by frame, as {EXAMPLE}")
    try:
        numbers = count()
        keys = [
            (str(key), tuple(replace(one, number=next(numbers)) for one in prompts.parse(inside)))
            for key, inside in value.items()
        ]
        starts, found = in_order("prompts", keys, timing, loop)
    except BadInput:
        raise
    except ValueError as error:
        raise BadInput(f"animate.{error}") from error
    return PromptTrack(starts, found, way, timing.frames if loop else 0)
