"""A bar chart in SVG of the seconds of a step on both sides, ours divided into its parts."""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import escape

WIDTH, ROW, LEFT, SPACE = 820, 26, 190, 90  # pixels; SPACE is left for figures on the right
COLOURS = ("#3b6fb6", "#c2803b", "#5a9e6f", "#8f5fa8", "#b6483b", "#8a8a8a")


def svg(found: dict[str, Any]) -> str:
    rows: list[str] = []
    y = 50
    for case in found["cases"]:
        rows.append(text(10, y, case["case"], bold=True))
        most = max(took["median"] for took in case["seconds"].values())
        scale = (WIDTH - LEFT - SPACE) / max(most, sum(case["parts"].values()))
        for name, took in case["seconds"].items():
            y += ROW
            bars = case["parts"] if name == "guided" else {"reference": took["median"]}
            rows.append(text(10, y, name))
            rows += stacked(bars, y, scale)
            rows.append(text(LEFT + took["median"] * scale + 8, y, f"{took['median']:.3g} s"))
        y += ROW * 2
    title = f"Seconds a guided step: {found['machine']}, {found['precision']}"
    body = "\n".join([text(10, 22, title, bold=True), *rows])
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y}" '
        f'font-family="sans-serif" font-size="13">\n'
        f'<rect width="100%" height="100%" fill="white"/>\n{body}\n</svg>\n'
    )


def stacked(parts: dict[str, float], y: int, scale: float) -> list[str]:
    bars, x = [], float(LEFT)
    for k, (name, took) in enumerate(parts.items()):
        colour = COLOURS[-1] if name in ("rest", "reference") else COLOURS[k % (len(COLOURS) - 1)]
        wide = took * scale
        bars.append(
            f'<rect x="{x:.1f}" y="{y - 15}" width="{wide:.1f}" height="20" fill="{colour}">'
            f"<title>{escape(name)}: {took:.3g} s</title></rect>"
        )
        if wide > 7 * len(name):
            bars.append(text(x + 4, y, name, colour="white"))
        x += wide
    return bars


def text(
    x: float, y: float, words: str, bold: bool = False, colour: str = "black", at: str = "start"
) -> str:
    """Return a text whose start, middle or end, as `at` says, is at x."""
    more = ' font-weight="bold"' if bold else ""
    more += f' text-anchor="{at}"' if at != "start" else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}"{more}>{escape(words)}</text>'
