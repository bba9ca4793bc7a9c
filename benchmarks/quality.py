"""Compares quality and time of settings: python -m benchmarks.quality [out=runs/quality] [every=8]

Draws prompts of the exam with each of many settings through the ordinary program, measures the
seconds of a picture, and has the judge of guided.training.evaluation say how well it shows
what was asked for. Prints a table; leaves quality.json and quality.svg in `out`.

    python -m benchmarks.quality
    python -m benchmarks.quality variants="look=draft; generator.every=1,2,4 steps=25,50"

Each prompt is drawn with all variants in turn, so that whatever else the machine does falls on
all of them. Stopped and started again it draws only what is missing.
"""

from __future__ import annotations

import json
import platform
import shlex
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import scatter
from guided.batch.sweep import expanded
from guided.config.overrides import raws
from guided.config.plan import Plan
from guided.errors import BadInput
from guided.models.model_cache import ModelCache
from guided.pipeline import Pipeline
from guided.training.common.settings import main
from guided.training.evaluation import judging
from guided.training.evaluation.evaluate import Side, load
from guided.training.evaluation.judging import Judge
from guided.training.evaluation.questions import Exam, Question, exam

DEFAULT = "default"
# Words of a run, between semicolons; those with several values make every combination, as behind
# -m. The program's own settings are always among them, and what the others are compared with.
VARIANTS = "; ".join(
    [
        "look=draft,fine",  # look=standard is what they are compared with
        "steps=25,35",
        "sampler.recurrence=1,2",
        "steps=25 'sampler.recurrence=[[0,8],[0.25,1]]'",
        "steps=15 'sampler.recurrence=[[0,4],[0.25,1]]'",
        "generator.every=2",
        "'generator.every=[[0,1],[0.25,2]]'",
        # The straight way asks for more scale than the one through the network.
        "generator.through=straight guide.clip.scale=4000",
        "cutouts.merge=2",
        "cutouts.overview=4",
        "sampler=dpmpp_2m,plms steps=25",
        "'clip.embedded_b.weight=[[0,0],[0.25,1]]'",
    ]
)


@dataclass
class Settings:
    out: str = "runs/quality"
    every: int = 8  # only every n-th of the exam's objects is drawn; the choices stay all
    seed: int = 0
    variants: str = VARIANTS
    settings: str = ""  # what else run.py would be told, for all of them
    judge: str = str(judging.FOLDER)
    threads: int = 0  # CPU cores; 0: all

    def check(self) -> None:
        if self.every < 1:
            raise BadInput(f"every={self.every} must be 1 or more")


def measure(settings: Settings) -> None:
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    out, judge = Path(settings.out), Judge.load(settings.judge)
    base, loaded = shlex.split(settings.settings), ModelCache()
    sides = [Side.named(shlex.join(words) or DEFAULT, base + words, out)
             for words in rows(settings.variants)]  # fmt: skip
    sheet = exam("objects", "en")
    asked = sheet.questions[:: settings.every]
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for question in tqdm(asked, disable=None):
        for side in sides:
            seconds[side.name].append(timed(side, question, settings.seed, loaded))
    found = [
        {"settings": side.name, "seconds": round(statistics.median(seconds[side.name]), 3)}
        | judged(judge, sheet, asked, [side.path(q, settings.seed) for q in asked])
        for side in sides
    ]
    report(settings, out, found)


def rows(variants: str) -> list[list[str]]:
    """Return the words of each variant once, first the empty one."""
    found: list[list[str]] = [[]]
    for text in variants.split(";"):
        words, several = expanded(shlex.split(text))
        found += [raws(words) + row.words for row in several]
    unique: dict[frozenset[str], list[str]] = {}
    for variant in found:
        unique.setdefault(frozenset(variant), variant)
    return list(unique.values())


def timed(side: Side, question: Question, seed: int, loaded: ModelCache) -> float:
    """Return the seconds of a picture, from its settings to its file; models are loaded before."""
    path = side.path(question, seed)
    kept = path.with_suffix(".seconds")
    if not (path.exists() and kept.exists()):
        if side.pipeline is None:
            side.pipeline = Pipeline.open(Plan.read(side.cfg), loaded)
        path.unlink(missing_ok=True)
        began = time.perf_counter()
        side.draw(question, seed)
        kept.write_text(f"{time.perf_counter() - began:.4f}")
    return float(kept.read_text())


def judged(judge: Judge, sheet: Exam, asked: list[Question], paths: list[Path]) -> dict[str, Any]:
    """Return how often the judge ranks the prompt first, and its mean probability."""
    images, truths = load(paths), [question.truth for question in asked]
    ranks = judge.ranks(images, truths, sheet.choices)
    chances = judge.chances(images, truths, sheet.choices)
    return {
        "first": judging.firsts(ranks)["first"],
        "chance": round(statistics.mean(chances), 4),
        "chances": [round(chance, 4) for chance in chances],
        "folder": paths[0].parent.name,
    }


def report(settings: Settings, out: Path, found: list[dict[str, Any]]) -> None:
    for line in found:
        line |= compared(line["chances"], found[0]["chances"])
        line["front"] = on_front(line, found)
    about = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "pictures": len(found[0]["chances"]),
        "settings": settings.settings,
    }
    (out / "quality.json").write_text(json.dumps(about | {"variants": found}, indent=1))
    points = [
        scatter.Point(line["seconds"], line["chance"], line["settings"], line["front"])
        for line in found
    ]
    title = f"How probable the judge finds the prompt; {about['pictures']} pictures each"
    (out / "quality.svg").write_text(scatter.svg(points, title, "seconds a picture"))
    print(f"{'seconds':>8} {'first':>6} {'chance':>7} {'against default':>17}")
    for line in sorted(found, key=lambda line: line["seconds"]):
        scores = f"{line['first']:6.2f} {line['chance']:7.3f}"
        apart = f"{line['apart']:+.3f} ± {line['error']:.3f}"
        mark = "*" if line["front"] else " "
        print(f"{line['seconds']:8.2f} {scores} {apart:>17} {mark} {line['settings']}")
    print(f"* none is both quicker and better\n{out / 'quality.json'}  {out / 'quality.svg'}")


def compared(chances: list[float], before: list[float]) -> dict[str, float]:
    """Return the mean of the differences of pairs of pictures, and its standard error."""
    apart = [b - a for a, b in zip(before, chances, strict=True)]
    error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
    return {"apart": round(statistics.mean(apart), 4), "error": round(error, 4)}


def on_front(line: dict[str, Any], found: list[dict[str, Any]]) -> bool:
    """Return whether no other is quicker and at least as good, or better and at least as quick."""
    return not any(
        other["seconds"] <= line["seconds"]
        and other["chance"] >= line["chance"]
        and (other["seconds"], other["chance"]) != (line["seconds"], line["chance"])
        for other in found
    )


if __name__ == "__main__":
    main(Settings, measure)
