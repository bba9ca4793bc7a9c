"""explain/0000.html and 0000.zh.html: how picture 0 came about, in English and Chinese.

Static pages without a script, under the gallery's content security policy. Their data, which
`output=[still,explain]` wrote into explain/0000.jsonl, are untrusted: values of the wrong type are
ignored, texts are escaped, and pictures are named by numbers and not by what the file says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from guided.gallery import page, plots, script
from guided.gallery.reading import finite, items, mapping, text, whole
from guided.runs import files
from guided.runs.layout import BACK, CUT, EXPLAIN, NOISY, PUSH, explain_path, explain_picture

LANGUAGES = {"en": "", "zh": ".zh"}  # and what their pages' names have before .html
ABOUT = ("prompt", "unwanted", "seed", "model", "sampler")
MOST_CUTOUTS, LONGEST = 64, 2000  # of a CLIP and a step; characters of a text


@dataclass
class Step:
    """A step of the run with pictures."""

    step: int
    back: str | None = None  # name of the picture's file
    push: str | None = None
    largest: float | None = None  # shift
    looks: list[dict[str, Any]] = field(default_factory=list)  # one for each CLIP


@dataclass
class Explanation:
    """The facts about a picture on its page."""

    of: int  # steps
    about: Mapping[str, Any]
    noisy: list[tuple[str, float]]  # name of the file, share of the picture that is left
    steps: list[Step]
    curves: plots.Curves

    @property
    def finished(self) -> str | None:
        """Return the name of the file of the last prediction."""
        return next((step.back for step in reversed(self.steps) if step.back), None)

    @property
    def guides(self) -> list[tuple[str, float, float]]:
        """Return the name of each guide, and its loss in the first step and in the last."""
        losses = {
            name.removeprefix("loss "): curve
            for name, curve in self.curves.items()
            if name.startswith("loss ")
        }
        return [(name, c[min(c)], c[max(c)]) for name, c in losses.items()]


def write(folder: Path, number: int) -> bool:
    """Write the pages of a picture in a batch's folder, and return whether there are data for
    them. Nothing is written through links."""
    place = folder / EXPLAIN
    if place.is_symlink() or not place.is_dir():
        return False
    found = read(place, number)
    if found is None:
        return False
    for language in LANGUAGES:
        path = place / page_name(number, language)
        files.refuse_link(path)
        files.write(path, render(found, number, language).encode("utf-8", "replace"))
    return True


def page_name(number: int, language: str) -> str:
    return f"{number:04d}{LANGUAGES[language]}.html"


def read(place: Path, number: int) -> Explanation | None:
    """Return the explanation of a picture from its data; None without those of its last step. Of
    several lines about a step the last one counts; damaged lines are ignored."""
    lines: dict[int, Mapping[str, Any]] = {}
    for line in (script.read(explain_path(place, number)) or b"").splitlines():
        try:
            entry = mapping(json.loads(line))
        except (ValueError, RecursionError):
            continue
        if (step := whole(entry.get("step"))) is not None and 0 < step < 10**9:
            lines[step] = entry
    last = lines.get(max(lines, default=0), {})
    if not mapping(last.get("about")):
        return None
    steps = [step_of(place, number, n, entry) for n, entry in sorted(lines.items())]
    return Explanation(
        of=max(lines),
        about=mapping(last["about"]),
        noisy=noisy(place, number, max(lines), last),
        steps=[one for one in steps if one.back or one.looks],
        curves=curves(lines),
    )


def noisy(place: Path, number: int, step: int, last: Mapping[str, Any]) -> list[tuple[str, float]]:
    shares = [finite(share) for share in items(last.get("noisy"))[:100]]
    names = [existing(place, number, step, NOISY, k) for k in range(len(shares))]
    return [
        (name, share)
        for name, share in zip(names, shares, strict=True)
        if name and share is not None
    ]


def step_of(place: Path, number: int, step: int, entry: Mapping[str, Any]) -> Step:
    return Step(
        step,
        existing(place, number, step, BACK),
        existing(place, number, step, PUSH),
        finite(entry.get("push")),
        [
            look
            for c, one in enumerate(items(entry.get("seen"))[:100])
            if (look := look_of(place, number, step, c, mapping(one)))["cutouts"]
        ],
    )


def look_of(
    place: Path, number: int, step: int, clip: int, entry: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the name of a CLIP, its prompts, and its cutouts with their likeness to each."""
    prompts = [shortened(prompt) for prompt in items(entry.get("prompts"))[:100]]
    rows = [items(row) for row in items(entry.get("alike"))[:MOST_CUTOUTS]]
    cutouts = [
        (name, [finite(value) for value in row[: len(prompts)]])
        for k, row in enumerate(rows)
        if (name := existing(place, number, step, CUT, clip, k))
    ]
    return {"clip": shortened(entry.get("clip")), "prompts": prompts, "cutouts": cutouts}


def curves(lines: Mapping[int, Mapping[str, Any]]) -> plots.Curves:
    """Return the curves of the similarity, the gradient and each guide's loss."""
    found: plots.Curves = {}
    for step, entry in sorted(lines.items()):
        values = {"similarity": entry.get("similarity"), "gradient": entry.get("gradient")}
        values |= {f"loss {shortened(k)}": v for k, v in mapping(entry.get("loss")).items()}
        for name, value in values.items():
            if (value := finite(value)) is not None:
                found.setdefault(name, {})[step] = value
    return found


def existing(place: Path, *numbers: Any) -> str | None:
    """Return the name of a picture's file; None if it is not there, or is a link."""
    name = explain_picture(*numbers)
    path = place / name
    return name if path.is_file() and not path.is_symlink() else None


def shortened(value: Any) -> str:
    return text(value)[:LONGEST]


def render(found: Explanation, number: int, language: str) -> str:
    """Return the HTML of a page."""
    style = page.source("style.css") + page.source("explanation.css")
    words, other = sentences()[language], next(one for one in LANGUAGES if one != language)
    return page.template("explanation.html").render(
        style=page.Trusted(style),
        policy=page.policy(style),
        language={"en": "en", "zh": "zh-Hans"}[language],
        words=words,
        other=page_name(number, other),
        found=found,
        about={name: shortened(found.about.get(name)) for name in ABOUT},
        plots=[
            (kind, rest, page.Trusted(plots.svg(name, curve)), curve[max(curve)])
            for name, curve in found.curves.items()
            for kind, _, rest in [name.partition(" ")]
        ],
    )


@cache
def sentences() -> dict[str, dict[str, Any]]:
    """Return the sentences of the page in each language."""
    return yaml.safe_load(page.source("explanation.yaml"))
