"""Curves of a picture's metrics, from metrics.jsonl to SVG in the page's colour
(`currentColor`)."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from html import escape
from pathlib import Path
from typing import Any

from guided.gallery import script
from guided.gallery.reading import finite, mapping, whole

WIDTH, HEIGHT, MARGIN = 300, 64, 3
BUCKETS = 120  # of steps; the smallest and the largest value of each are drawn
IMAGE = re.compile(rb'"image":\s*(\d+)')
Curves = dict[str, dict[int, float]]  # name -> step -> value


def curves(path: Path, numbers: Collection[int]) -> dict[int, Curves]:
    """Return the curves of these pictures. Of several lines about a step the last one counts;
    damaged lines are ignored."""
    curves: dict[int, Curves] = {number: {} for number in numbers}
    if not numbers:
        return curves
    for line in (script.read(path) or b"").splitlines():
        match = IMAGE.search(line)
        if match and int(match[1]) in curves:
            add(line, curves)
    return curves


def add(line: bytes, curves: dict[int, Curves]) -> None:
    """Add the values of a line of metrics to the curves."""
    try:
        entry = json.loads(line)
    except ValueError:
        return
    entry = mapping(entry)
    number, step = whole(entry.get("image")), whole(entry.get("step"))
    if number not in curves or step is None:
        return
    for name, value in values(entry).items():
        if (value := finite(value)) is not None:
            curves[number].setdefault(name, {})[step] = value


def values(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return the similarity, each guide's loss and the gradient norm of a line of metrics."""
    losses = {f"loss {name}": value for name, value in mapping(entry.get("loss")).items()}
    return {
        "similarity": entry.get("similarity"),
        **losses,
        "gradient": entry.get("grad_norm"),
    }


def svg(name: str, curve: Mapping[int, float]) -> str:
    """Return an SVG of one curve over the steps, scaled from its smallest to its largest value."""
    points = thinned(sorted(curve.items()))
    (first, _), (last, end) = points[0], points[-1]
    low, high = min(curve.values()), max(curve.values())
    across, up = max(last - first, 1), (high - low) or 1.0
    path = " ".join(
        f"{MARGIN + (step - first) / across * (WIDTH - 2 * MARGIN):.1f},"
        f"{HEIGHT - MARGIN - (value - low) / up * (HEIGHT - 2 * MARGIN):.1f}"
        for step, value in points
    )
    label = escape(f"{name}: {end:.4g} at step {last}, {low:.4g} to {high:.4g}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label="{label}" preserveAspectRatio="none">'
        f'<polyline fill="none" stroke="currentColor" stroke-width="1.5" '
        f'stroke-linejoin="round" vector-effect="non-scaling-stroke" points="{path}"/></svg>'
    )


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """Return the first, the last, and the lowest and highest point of each bucket."""
    if len(points) <= 2 * BUCKETS:
        return points
    chosen = {points[0], points[-1]}
    for k in range(BUCKETS):
        bucket = points[k * len(points) // BUCKETS : (k + 1) * len(points) // BUCKETS]
        chosen |= {min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])}
    return sorted(chosen)
