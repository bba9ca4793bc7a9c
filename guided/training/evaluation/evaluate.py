"""Measures the pair: draws a fixed list of prompts through the ordinary pipeline and has the judge
find each picture's prompt among all of its kind.

    python -m guided.training.evaluation                                   # everything, in hours
    python -m guided.training.evaluation kinds=objects languages=en every=4
    python -m guided.training.evaluation compare="steps=25"                # with and without
    python -m guided.training.evaluation settings="model=mine" compare="guide.clip.scale=300"

Leaves table.txt, results.json and contact sheets in `out`. Stopped and started again it draws
only what is missing: pictures are kept per configuration and weights. Knows no CLIP but the judge.
"""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from guided.config.composition import compose
from guided.config.messages import BAD, say
from guided.config.plan import Plan
from guided.errors import BadInput, not_one_of
from guided.images import picture, tensor
from guided.models.cards import locate
from guided.pipeline import Pipeline
from guided.training.data import pictures, sources
from guided.training.evaluation import contact_sheet, examine, judging
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import KINDS, LANGUAGES, Exam, Question, exam

UNGUIDED = ["guide=[range]"]
SEEDS = 1000  # between the first pictures of two seeds


@dataclass
class Settings:
    out: str = "runs/evaluation"
    kinds: str = ",".join(KINDS)
    languages: str = ",".join(LANGUAGES)
    every: int = 1  # only every n-th prompt of a kind is drawn; the choices stay all
    seed: int = 0
    compare: str = ""  # settings to change, as on run.py's command line
    unguided: bool = True  # also the English objects without guidance
    judge: str = str(judging.FOLDER)
    data: str = "data"  # real renderings for the ceiling, where they have been prepared
    settings: str = ""  # what else run.py would be told, for both sides
    threads: int = 0

    def check(self) -> None:
        """BadInput names the first setting that cannot be."""
        for setting, known in (("kinds", KINDS), ("languages", LANGUAGES)):
            for word in words(getattr(self, setting)):
                if word not in known:
                    raise BadInput(not_one_of(setting, word, known))
        if self.every < 1:
            raise BadInput(f"every={self.every} must be 1 or more")


def words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


@dataclass
class Side:
    """One configuration under test: its pictures lie in a folder of their own, named after it and
    after a digest of all that decides them."""

    name: str
    cfg: DictConfig
    folder: Path
    pipeline: Pipeline | None = None

    @classmethod
    def named(cls, name: str, overrides: list[str], out: Path) -> Side:
        try:
            cfg = compose(["prompt=x", *overrides])
            plan = Plan.read(cfg)
        except BAD as error:
            raise BadInput(say(error)) from error
        described = OmegaConf.to_yaml(cfg, resolve=True, sort_keys=True)
        for path in weights(plan):
            stat = path.stat()
            described += f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n"
        digest = hashlib.sha256(described.encode()).hexdigest()[:8]
        plain = "".join(c if c.isalnum() or c in "=.-" else "_" for c in name)[:60]
        return cls(name, cfg, out / "pictures" / f"{plain}-{digest}")

    def path(self, question: Question, seed: int) -> Path:
        return (
            self.folder / f"{question.kind}-{question.language}-{question.number:03d}-{seed}.png"
        )

    def draw(self, question: Question, seed: int) -> Path:
        """The finished picture at its default size; a prompt has the same seed in both languages
        and on all sides."""
        path = self.path(question, seed)
        if path.exists():
            return path
        self.cfg.prompt, self.cfg.count = question.prompt, 1
        self.cfg.seed = seed * SEEDS + question.number
        plan = Plan.read(self.cfg)
        if self.pipeline is None:
            self.pipeline = Pipeline.open(plan)
        for frame in self.pipeline.frames(plan):
            last = frame
        still = plan.outputs.get("still")
        image = self.pipeline.enlarger(last.image, still.times(plan.size) if still else 1)
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        picture(image).save(draft, "png")
        draft.rename(path)
        return path


def weights(plan: Plan) -> Iterator[Path]:
    """The files whose change makes other pictures."""
    named = [plan.model.path(), locate(plan.model.upscaler) if plan.model.upscaler else None]
    named += [plan.secondary.path()] if plan.secondary else []
    for card in plan.clips.values():
        folder = card.folder()
        named += sorted(folder.iterdir()) if folder else [card.cached()]
    yield from (path for path in named if path is not None and path.is_file())


def load(paths: list[Path]) -> Tensor:
    """Return the pictures as a batch (B, 3, H, W) in [0, 1]."""
    return torch.cat([tensor(Image.open(path).convert("RGB")) for path in paths])


def judged(judge: Judge, sheet: Exam, asked: list[Question], paths: list[Path]) -> list[int]:
    return judge.ranks(load(paths), [question.truth for question in asked], sheet.choices)


def evaluate(settings: Settings) -> None:
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    out, judge = Path(settings.out), Judge.load(settings.judge)
    base = shlex.split(settings.settings)
    sides = [Side.named(settings.settings or "default", base, out)]
    if settings.compare:
        changed = base + shlex.split(settings.compare)
        sides.append(Side.named(settings.compare, changed, out))
    plain = Side.named("unguided", base + UNGUIDED, out)
    exams = [
        exam(kind, language)
        for kind in words(settings.kinds)
        for language in words(settings.languages)
    ]
    rows = []
    for sheet in exams:
        asked = sheet.questions[:: settings.every]
        tested = list(sides)
        if settings.unguided and sheet.name == "objects en":
            tested.append(plain)
        for side in tested:
            paths = [
                side.draw(question, settings.seed)
                for question in tqdm(asked, f"{sheet.name}, {side.name}", disable=None)
            ]
            ranks = judged(judge, sheet, asked, paths)
            rows.append(row(sheet, side, asked, paths, ranks))
            report(settings, rows, judge)
            name = f"{sheet.kind}-{sheet.language}-{side.folder.name}"
            contact_sheet.write(paths, [q.prompt for q in asked], ranks, out / f"sheet-{name}.png")
            if sheet.name == "objects en" and side is not plain:
                contact_sheet.blind(
                    paths, [q.prompt for q in asked], out / f"blind-{side.folder.name}"
                )


def row(
    sheet: Exam, side: Side, asked: list[Question], paths: list[Path], ranks: list[int]
) -> dict:
    """One line of the table, with what it is made of."""
    drawn = [
        {"prompt": question.prompt, "file": path.name, "rank": rank}
        for question, path, rank in zip(asked, paths, ranks, strict=True)
    ]
    about = {"exam": sheet.name, "choices": len(sheet.choices), "side": side.name}
    return {**about, **firsts(ranks), "folder": side.folder.name, "drawn": drawn}


def report(settings: Settings, rows: list[dict], judge: Judge) -> None:
    """The table so far, printed and kept, and the same as JSON."""
    tops = ceilings(settings, judge, sorted({line["exam"] for line in rows}))
    lines = [f"{'exam':<16} {'side':<28} {'n':>4} {'first':>7} {'five':>7} {'median':>7}  real"]
    for line in rows:
        top = tops.get(line["exam"])
        real = f"{top['first']:.2f}/{top['five']:.2f}" if top else ""
        lines.append(
            f"{line['exam']:<16} {line['side'][:28]:<28} {line['count']:>4} {line['first']:>7.2f} "
            f"{line['five']:>7.2f} {line['median']:>7}  {real}"
        )
    lines += compared(rows)
    text = "\n".join(lines)
    out = Path(settings.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.txt").write_text(text + "\n")
    (out / "results.json").write_text(
        json.dumps({"real": tops, "rows": rows}, ensure_ascii=False, indent=1)
    )
    print(text, flush=True)


def ceilings(settings: Settings, judge: Judge, names: list[str]) -> dict[str, dict]:
    """How real renderings fare: measured where they are, else as measured when the judge was
    made."""
    if pictures.prepared(settings.data):
        book = pictures.load(settings.data, judge.model.size[0])
        return examine.examine(judge, book, names, sources.of("guides"))
    kept = Path(settings.judge) / examine.KEPT
    return json.loads(kept.read_text()) if kept.exists() else {}


def compared(rows: list[dict]) -> list[str]:
    """For each exam with two sides: in how many pictures the second is ranked better and worse."""
    lines = []
    for name in dict.fromkeys(line["exam"] for line in rows):
        pair = [r for r in rows if r["exam"] == name and r["side"] != "unguided"]
        if len(pair) == 2:
            ranks = [[one["rank"] for one in line["drawn"]] for line in pair]
            better = sum(b < a for a, b in zip(*ranks, strict=True))
            worse = sum(b > a for a, b in zip(*ranks, strict=True))
            lines.append(
                f"{name}: with {pair[1]['side']} {better} better, {worse} worse, "
                f"{len(ranks[0]) - better - worse} alike"
            )
    return lines
