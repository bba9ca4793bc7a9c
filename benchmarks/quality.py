"""Compares quality and time of settings: python -m benchmarks.quality [out=runs/quality] [every=8]

Draws prompts of the exam with each of many settings through the ordinary program, measures the
seconds of a picture, and has judges say how well it shows what was asked for: CLIPs that guide
none of them. Leaves blind.png, in which each row has its own order of settings, for people who
look before they read; then prints a table for each judge, and leaves quality.json, quality.svg and
the tables as quality.md in `out`.

    python -m benchmarks.quality
    python -m benchmarks.quality variants="look=draft; generator.every=1,2,4 steps=25,50"
    python -m benchmarks.quality every=1 seeds=2 variants="generator=dps,mpgd,freedom,tfg,dsg"
    python -m benchmarks.quality settings="clip=[fare_b32]" judges=siglip2_so400m,vit_h14

Against the first line, each prompt is a pair of pictures: better, worse or a tie, with the p-value
of the sign test. Diversity is how far pictures of one prompt by several seeds are apart.
Each prompt is drawn with all variants in turn, so that whatever else the machine does falls on
all of them. Stopped and started again it draws only what is missing.
"""

from __future__ import annotations

import json
import platform
import shlex
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from benchmarks import scatter
from guided.batch.sweep import expanded
from guided.config.overrides import raws
from guided.config.plan import Plan
from guided.errors import BadInput, not_one_of
from guided.models.model_cache import ModelCache
from guided.pipeline import Pipeline
from guided.training.common.settings import main
from guided.training.evaluation import contact_sheet, judging
from guided.training.evaluation.comparison import diversity, pairs
from guided.training.evaluation.evaluate import Side, load
from guided.training.evaluation.judging import Judge
from guided.training.evaluation.questions import KINDS, LANGUAGES, Exam, Question, exam

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
        "generator=dps,lgd,mpgd,freedom,universal,tfg,dsg",
        "cutouts.merge=2",
        "cutouts.overview=4",
        "cutouts.stratified=true cutouts.size_weight=0,1 cutouts.whole_weight=1,3",
        "sampler=dpmpp_2m,plms steps=25",
        "'clip.embedded_b.weight=[[0,0],[0.25,1]]'",
    ]
)


@dataclass
class Settings:
    out: str = "runs/quality"
    kind: str = "objects"  # of the exam
    language: str = "en"
    every: int = 8  # only every n-th of the exam's objects is drawn; the choices stay all
    seed: int = 0  # the first
    seeds: int = 1  # of each prompt; diversity needs two
    variants: str = VARIANTS
    settings: str = ""  # what else run.py would be told, for all of them
    judges: str = judging.SHIPPED  # names of CLIPs that guide none, or folders; with commas
    views: int = 1  # that a judge has of a picture: 1, the whole; 6, also corners and middle
    tie: float = 0.01  # difference of a judge's probabilities up to which a pair is a tie
    threads: int = 0  # CPU cores; 0: all
    reveal: bool = True  # false: only draw, and leave the blind sheet

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        for name in ("every", "seeds"):
            if getattr(self, name) < 1:
                raise BadInput(f"{name}={getattr(self, name)} must be 1 or more")
        if self.views not in (1, 6):
            raise BadInput(f"views={self.views} must be 1 or 6")
        if not 0 <= self.tie < 1:
            raise BadInput(f"tie={self.tie} must be from 0 to 1")
        for name, known in (("kind", KINDS), ("language", LANGUAGES)):
            if getattr(self, name) not in known:
                raise BadInput(not_one_of(name, getattr(self, name), known))


def measure(settings: Settings) -> None:
    """Draw all pictures, leave the blind sheet, and have them judged."""
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    out = Path(settings.out)
    base, loaded = shlex.split(settings.settings), ModelCache()
    sides = [Side.named(shlex.join(words) or DEFAULT, base + words, out)
             for words in rows(settings.variants)]  # fmt: skip
    plans = [Plan.read(side.cfg) for side in sides]
    asked_of = judging.judges(settings.judges, plans, settings.views)
    sheet = exam(settings.kind, settings.language)
    asked = sheet.questions[:: settings.every]
    seeds = range(settings.seed, settings.seed + settings.seeds)
    seconds: dict[str, list[float]] = {side.name: [] for side in sides}
    for question in tqdm(asked, disable=None):
        for seed in seeds:
            for side in sides:
                seconds[side.name].append(timed(side, question, seed, loaded))
    shown = [[side.path(question, seeds[0]) for side in sides] for question in asked]
    contact_sheet.blind_rows(shown, [side.name for side in sides], out / "blind")
    print(f"{out / 'blind.png'} shows them in random order; {out / 'blind.txt'} is its key")
    if not settings.reveal:
        return
    found = [
        {
            "settings": side.name,
            "seconds": round(statistics.median(seconds[side.name]), 3),
            "folder": side.folder.name,
            "judges": {j.name: judged(j, sheet, asked, seeds, side) for j in asked_of},
        }
        for side in sides
    ]
    report(settings, asked_of, out, found)


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


def judged(
    judge: Judge, sheet: Exam, asked: list[Question], seeds: Sequence[int], side: Side
) -> dict[str, Any]:
    """Return how often the judge ranks the prompt first and among the first five, its mean
    probability, and the diversity of seeds."""
    images = load([side.path(question, seed) for question in asked for seed in seeds])
    truths = [question.truth for question in asked for _ in seeds]
    ranks = judging.firsts(judge.ranks(images, truths, sheet.choices))
    chances = judge.chances(images, truths, sheet.choices)
    points = judge.points(images).view(len(asked), len(seeds), -1)
    return {
        "first": ranks["first"],
        "five": ranks["five"],
        "chance": round(statistics.mean(chances), 4),
        "diversity": round(diversity(points), 4),
        "chances": [round(chance, 4) for chance in chances],
    }


def report(
    settings: Settings, judges: Sequence[Judge], out: Path, found: list[dict[str, Any]]
) -> None:
    """Print a table for each judge; write quality.json, and quality.svg of the first judge."""
    for judge in judges:
        first = found[0]["judges"][judge.name]["chances"]
        for line in found:
            result = line["judges"][judge.name]
            result |= compared(result["chances"], first)
            result |= verdict(result["chances"], first, settings.tie)
        for line in found:
            line["judges"][judge.name]["front"] = on_front(line, found, judge.name)
    about = {
        "machine": f"{platform.machine()}, {torch.get_num_threads()} threads",
        "pictures": len(found[0]["judges"][judges[0].name]["chances"]),
        "settings": settings.settings,
        "families": {judge.name: judge.family for judge in judges},
    }
    (out / "quality.json").write_text(json.dumps(about | {"variants": found}, indent=1))
    points = []
    for line in found:
        result = line["judges"][judges[0].name]
        points.append(
            scatter.Point(line["seconds"], result["chance"], line["settings"], result["front"])
        )
    title = f"How probable the judge finds the prompt; {about['pictures']} pictures each"
    (out / "quality.svg").write_text(scatter.svg(points, title, "seconds a picture"))
    for judge in judges:
        print_table(judge, found)
    tables = [f"{judge.name}:\n\n{markdown(judge, found)}\n" for judge in judges]
    (out / "quality.md").write_text("\n".join(tables))
    print("* none is both quicker and better")
    if len({judge.family for judge in judges}) < 2:
        print("one family of judges only: judges=NAME,NAME asks others too, which may disagree")
    print(f"{out / 'quality.json'}  {out / 'quality.svg'}")


def print_table(judge: Judge, found: list[dict[str, Any]]) -> None:
    """Print the results of one judge, the quickest first."""
    print(f"\njudge {judge.name} ({judge.family})")
    print(
        f"{'seconds':>8} {'first':>6} {'five':>6} {'chance':>7} {'divers.':>7} "
        f"{'against the first':>17} {'better/worse/ties':>17} {'p':>6}"
    )
    for line in sorted(found, key=lambda line: line["seconds"]):
        one = line["judges"][judge.name]
        scores = f"{one['first']:6.2f} {one['five']:6.2f} {one['chance']:7.3f}"
        apart = f"{one['apart']:+.3f} ± {one['error']:.3f}"
        signs = f"{one['better']}/{one['worse']}/{one['ties']}"
        mark = "*" if one["front"] else " "
        print(
            f"{line['seconds']:8.2f} {scores} {one['diversity']:7.3f} {apart:>17} {signs:>17} "
            f"{one['p']:6.3f} {mark} {line['settings']}"
        )


def markdown(judge: Judge, found: list[dict[str, Any]]) -> str:
    """Return the results of one judge as a Markdown table, the quickest first."""
    head = ("Settings", "Seconds", "First", "First five", "Mean probability")
    lines = [(*head, "Diversity", "Better, worse, ties", "p"), ("---",) * (len(head) + 3)]
    for line in sorted(found, key=lambda line: line["seconds"]):
        one = line["judges"][judge.name]
        scores = [f"{one[name]:.2f}" for name in ("first", "five", "chance", "diversity")]
        signs = f"{one['better']}, {one['worse']}, {one['ties']}"
        cells = (f"`{line['settings']}`", f"{line['seconds']:.1f}", *scores, signs)
        lines.append((*cells, f"{one['p']:.3f}"))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def compared(chances: list[float], before: list[float]) -> dict[str, float]:
    """Return the mean of the differences of pairs of pictures, and its standard error."""
    apart = [b - a for a, b in zip(before, chances, strict=True)]
    error = statistics.stdev(apart) / len(apart) ** 0.5 if len(apart) > 1 else 0.0
    return {"apart": round(statistics.mean(apart), 4), "error": round(error, 4)}


def verdict(chances: list[float], before: list[float], tie: float) -> dict[str, float]:
    """Return the numbers of better, worse and equal pictures, and the sign test's p-value."""
    found = pairs(before, chances, tie)
    return asdict(found) | {"p": round(found.p, 4)}


def on_front(line: dict[str, Any], found: list[dict[str, Any]], judge: str) -> bool:
    """Return whether no other is quicker and at least as good, or better and at least as quick."""

    def place(one: dict[str, Any]) -> tuple[float, float]:
        return one["seconds"], one["judges"][judge]["chance"]

    seconds, chance = place(line)
    return not any(
        other[0] <= seconds and other[1] >= chance and other != (seconds, chance)
        for other in map(place, found)
    )


if __name__ == "__main__":
    main(Settings, measure)
