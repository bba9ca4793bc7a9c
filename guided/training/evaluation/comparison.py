"""Comparison of settings by pairs of pictures, and the diversity of seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Pairs:
    """How often the second of two pictures of the same prompt is better."""

    better: int
    worse: int
    ties: int

    @property
    def p(self) -> float:
        """The two-sided p-value of the sign test: how probable as uneven a result or a more uneven
        one is if neither is better. Ties are left out."""
        number = self.better + self.worse
        if not number:
            return 1.0
        least = min(self.better, self.worse)
        return min(1.0, 2 * sum(math.comb(number, k) for k in range(least + 1)) / 2**number)


def pairs(before: Sequence[float], after: Sequence[float], tie: float) -> Pairs:
    """Return the pairs of two lists of results; differences of at most `tie` are ties."""
    apart = [b - a for a, b in zip(before, after, strict=True)]
    better, worse = sum(d > tie for d in apart), sum(d < -tie for d in apart)
    return Pairs(better, worse, len(apart) - better - worse)


def diversity(points: Tensor) -> float:
    """Return 1 - cosine of pictures of one prompt by different seeds, the mean over pairs of
    seeds and prompts; points (prompts, seeds, D). 0 for a single seed."""
    points = F.normalize(points, dim=-1)
    found = [
        1 - (points[:, a] * points[:, b]).sum(-1)
        for a, b in combinations(range(points.shape[1]), 2)
    ]
    return float(torch.stack(found).mean()) if found else 0.0
