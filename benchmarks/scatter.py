"""A scatter plot of points and their Pareto front in SVG: cost on a logarithmic axis from left to
right, worth upwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.sax.saxutils import escape

from benchmarks.chart import text

WIDTH, HEIGHT, EDGE = 960, 600, 60  # pixels
FRONT, OTHER = "#b6483b", "#8a8a8a"


@dataclass(frozen=True)
class Point:
    cost: float  # above 0
    worth: float
    name: str
    front: bool  # labelled, and joined by a line


@dataclass(frozen=True)
class Frame:
    """The map from values to pixels."""

    least: float
    most: float
    low: float
    high: float

    @classmethod
    def around(cls, points: list[Point]) -> Frame:
        costs, worths = [p.cost for p in points], [p.worth for p in points]
        least, most = math.log2(min(costs)) - 0.2, math.log2(max(costs)) + 0.2
        room = 0.05 + 0.1 * (max(worths) - min(worths))
        return cls(least, most, min(worths) - room, max(worths) + room)

    def x(self, cost: float) -> float:
        return EDGE + (math.log2(cost) - self.least) / (self.most - self.least) * (
            WIDTH - 2 * EDGE
        )

    def y(self, worth: float) -> float:
        return HEIGHT - EDGE - (worth - self.low) / (self.high - self.low) * (HEIGHT - 2 * EDGE)


def svg(points: list[Point], title: str, costs: str) -> str:
    frame = Frame.around(points)
    front = sorted((p for p in points if p.front), key=lambda p: p.cost)
    corners = " ".join(f"{frame.x(p.cost):.1f},{frame.y(p.worth):.1f}" for p in front)
    body = [
        *across(frame),
        *upward(frame),
        f'<polyline points="{corners}" fill="none" stroke="{FRONT}" stroke-dasharray="4 3"/>',
        *(dot(frame, point) for point in points),
        *(label(frame, point) for point in front),
        text(10, 22, title, bold=True),
        text(WIDTH - EDGE, HEIGHT - 15, costs, at="end"),
    ]
    joined = "\n".join(body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="12">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{joined}\n</svg>\n'
    )


def dot(frame: Frame, point: Point) -> str:
    said = f"{point.name}: {point.worth:.3g} for {point.cost:.3g}"
    return (
        f'<circle cx="{frame.x(point.cost):.1f}" cy="{frame.y(point.worth):.1f}" r="4" '
        f'fill="{FRONT if point.front else OTHER}"><title>{escape(said)}</title></circle>'
    )


def label(frame: Frame, point: Point) -> str:
    """Return the name beside its dot, on the side that has space."""
    x, y = frame.x(point.cost), frame.y(point.worth) - 7
    if x > WIDTH / 2:
        return text(x - 7, y, point.name, at="end")
    return text(x + 7, y, point.name)


def across(frame: Frame) -> list[str]:
    """Return the vertical lines, two for each doubling of the cost."""
    costs = [
        2 ** (k / 2) for k in range(math.ceil(2 * frame.least), math.floor(2 * frame.most) + 1)
    ]
    return [
        ruled(frame.x(cost), EDGE, frame.x(cost), HEIGHT - EDGE)
        + text(frame.x(cost), HEIGHT - EDGE + 18, f"{cost:.2g}", at="middle")
        for cost in costs
    ]


def upward(frame: Frame) -> list[str]:
    """Return the horizontal lines, one at each tenth."""
    tenths = range(math.ceil(10 * frame.low), math.floor(10 * frame.high) + 1)
    return [
        ruled(EDGE, frame.y(k / 10), WIDTH - EDGE, frame.y(k / 10))
        + text(EDGE - 8, frame.y(k / 10) + 4, f"{k / 10:g}", at="end")
        for k in tenths
    ]


def ruled(x: float, y: float, end: float, bottom: float) -> str:
    return f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{end:.1f}" y2="{bottom:.1f}" stroke="#dddddd"/>'
