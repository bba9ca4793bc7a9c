"""Curves of a picture's making, from metrics.jsonl to SVG. The same numbers, the same text.

Knows nothing about pages; colours are the page's (`currentColor`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from guided.gallery import script
from guided.gallery.reading import finite, mapping, whole

WIDTH, HEIGHT, MARGIN = 300, 64, 3
BUCKETS = 120  # of each, the smallest and the largest value are drawn
IMAGE = re.compile(rb'"image":\s*(\d+)')
Curves = dict[str, dict[int, float]]  # name -> step -> value


def curves(path: Path, numbers: Collection[int]) -> dict[int, Curves]:
    """Of these pictures; the last line about a step counts, and torn lines do not."""
    found: dict[int, Curves] = {number: {} for number in numbers}
    if not numbers:
        return found
    for line in (script.read(path) or b"").splitlines():
        match = IMAGE.search(line)
        if match and int(match[1]) in found:
            add(line, found)
    return found


def add(line: bytes, found: dict[int, Curves]) -> None:
    try:
        entry = json.loads(line)
    except ValueError:
        return
    entry = mapping(entry)
    number, step = whole(entry.get("image")), whole(entry.get("step"))
    if number not in found or step is None:
        return
    for name, value in values(entry).items():
        if (value := finite(value)) is not None:
            found[number].setdefault(name, {})[step] = value


def values(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The similarity first, then every guide's loss, then the gradient."""
    losses = {f"loss {name}": value for name, value in mapping(entry.get("loss")).items()}
    return {
        "similarity": entry.get("similarity"),
        **losses,
        "gradient": entry.get("grad_norm"),
    }


def svg(name: str, curve: Mapping[int, float]) -> str:
    """One curve over the steps, from its smallest to its largest value."""
    points = thinned(sorted(curve.items()))
    (first, _), (last, end) = points[0], points[-1]
    low, high = min(curve.values()), max(curve.values())
    across, up = max(last - first, 1), (high - low) or 1.0
    path = " ".join(
        f"{MARGIN + (step - first) / across * (WIDTH - 2 * MARGIN):.1f},"
        f"{HEIGHT - MARGIN - (value - low) / up * (HEIGHT - 2 * MARGIN):.1f}"
        for step, value in points
    )
    label = quoteattr(f"{name}: {end:.4g} at step {last}, {low:.4g} to {high:.4g}")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
        f'aria-label={label} preserveAspectRatio="none">'
        f'<polyline fill="none" stroke="currentColor" stroke-width="1.5" '
        f'stroke-linejoin="round" vector-effect="non-scaling-stroke" points="{path}"/></svg>'
    )


def thinned(points: list[tuple[int, float]]) -> list[tuple[int, float]]:
    """No more than BUCKETS pairs of the lowest and highest, so that no peak is lost; the first
    and the last stay."""
    if len(points) <= 2 * BUCKETS:
        return points
    kept = {points[0], points[-1]}
    for k in range(BUCKETS):
        bucket = points[k * len(points) // BUCKETS : (k + 1) * len(points) // BUCKETS]
        kept |= {min(bucket, key=lambda p: p[1]), max(bucket, key=lambda p: p[1])}
    return sorted(kept)
