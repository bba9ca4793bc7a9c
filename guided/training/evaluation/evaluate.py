"""Measures the embedded pair: draws a fixed list of prompts through the ordinary pipeline and has
the judge find each picture's prompt among all of its kind.

    python -m guided.training.evaluation                                   # everything, in hours
    python -m guided.training.evaluation kinds=objects languages=en every=4
    python -m guided.training.evaluation compare="steps=25"                # with and without
    python -m guided.training.evaluation settings="model=mine" compare="guide.clip.scale=300"

Writes table.txt, results.json and contact sheets into `out`. After a stop, the same command draws
only the missing pictures, which are stored by configuration and weights.
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
from torch import Tensor
from tqdm import tqdm

from guided.config.composer import Composer
from guided.config.messages import as_bad_input
from guided.config.overrides import parse_all
from guided.config.plan import Plan
from guided.errors import BadInput, not_one_of
from guided.images import read_picture
from guided.models.cards import locate
from guided.outputs.still import Still
from guided.pipeline import Pipeline
from guided.training.common.files import replacing
from guided.training.data import pictures, sources
from guided.training.evaluation import contact_sheet, examine, judging
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import KINDS, LANGUAGES, Exam, Question, exam

UNGUIDED = ["guide=[range]"]
SEEDS = 1000  # between the first pictures of two seeds


@dataclass
class Settings:
    """The settings of the evaluation."""

    out: str = "runs/evaluation"  # the folder of pictures, sheets and results
    kinds: str = ",".join(KINDS)  # kinds of prompts
    languages: str = ",".join(LANGUAGES)  # languages of the prompts
    every: int = 1  # draw every n-th prompt of a kind only; the choices stay all
    seed: int = 0  # prompt number n is drawn with seed 1000 * seed + n
    compare: str = ""  # settings to change, as on run.py's command line
    unguided: bool = True  # also the English objects without guidance
    judge: str = str(judging.FOLDER)  # the CLIP that judges: a folder
    data: str = "data"  # real renderings for the upper bound, if they are prepared
    settings: str = ""  # further settings of run.py, for both sides
    threads: int = 0  # CPU cores; 0: all

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        for setting, known in (("kinds", KINDS), ("languages", LANGUAGES)):
            for word in words(getattr(self, setting)):
                if word not in known:
                    raise BadInput(not_one_of(setting, word, known))
        if self.every < 1:
            raise BadInput(f"every={self.every} must be 1 or more")


def words(text: str) -> list[str]:
    """Return the words of a text with commas."""
    return [word.strip() for word in text.split(",") if word.strip()]


@dataclass
class Side:
    """A configuration under test. Its pictures' folder is named after it and after a digest of its
    settings and weights."""

    name: str
    cfg: DictConfig
    folder: Path
    pipeline: Pipeline | None = None

    @classmethod
    def named(cls, name: str, overrides: list[str], out: Path) -> Side:
        """Return the side of some overrides. Raises BadInput if run.py would refuse them."""
        composer = Composer(parse_all(["prompt=a sun", *overrides]))
        with as_bad_input(), composer.row() as composed:
            cfg, plan = composed.cfg, Plan.read(composed.cfg, composed.build)
        described = OmegaConf.to_yaml(cfg, resolve=True, sort_keys=True)
        for path in weights(plan):
            stat = path.stat()
            described += f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n"
        digest = hashlib.sha256(described.encode()).hexdigest()[:8]
        plain = "".join(c if c.isalnum() or c in "=.-" else "_" for c in name)[:60]
        return cls(name, cfg, out / "pictures" / f"{plain}-{digest}")

    def path(self, question: Question, seed: int) -> Path:
        """Return the picture's file."""
        name = f"{question.kind}-{question.language}-{question.number:03d}-{seed}.png"
        return self.folder / name

    def draw(self, question: Question, seed: int) -> Path:
        """Return the picture's file, drawn if it is missing; a prompt has the same seed in both
        languages and on all sides."""
        path = self.path(question, seed)
        if path.exists():
            return path
        self.cfg.prompt, self.cfg.count = question.prompt, 1
        self.cfg.seed = seed * SEEDS + question.number
        self.save(Plan.read(self.cfg), path)
        return path

    def save(self, plan: Plan, path: Path) -> None:
        """Draw the picture of a plan into a file, enlarged as the program does."""
        if self.pipeline is None:
            self.pipeline = Pipeline.open(plan)
        for frame in self.pipeline.frames(plan):
            last = frame
        still = plan.outputs.get("still")
        finish = still if isinstance(still, Still) else Still()
        shown = finish.finished_frame(last, self.pipeline.enlarger, plan.upscale or 1)
        with replacing(path) as draft:
            shown.save(draft, "png")


def weights(plan: Plan) -> Iterator[Path]:
    """Yield the weights' files that a plan uses."""
    paths = [plan.model.path(), locate(plan.model.upscaler) if plan.model.upscaler else None]
    paths += [plan.secondary.path()] if plan.secondary else []
    for card in plan.clips.values():
        folder = card.folder()
        paths += sorted(folder.iterdir()) if folder else [card.cached()]
    yield from (path for path in paths if path is not None and path.is_file())


def load(paths: list[Path]) -> Tensor:
    """Return pictures of one size as (B, 3, H, W) in [0, 1]."""
    return torch.cat([read_picture(str(path)) for path in paths])


def judged(judge: Judge, sheet: Exam, questions: list[Question], paths: list[Path]) -> list[int]:
    """Return the ranks of the questions' texts for their pictures."""
    return judge.ranks(load(paths), [question.truth for question in questions], sheet.choices)


def evaluate(settings: Settings) -> None:
    """Draw, judge and report everything."""
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    out, judge = Path(settings.out), Judge.load(settings.judge)
    base = shlex.split(settings.settings)
    sides = [Side.named(settings.settings or "default", base, out)]
    if settings.compare:
        changed = base + shlex.split(settings.compare)
        sides.append(Side.named(settings.compare, changed, out))
    unguided = Side.named("unguided", base + UNGUIDED, out)
    exams = [
        exam(kind, language)
        for kind in words(settings.kinds)
        for language in words(settings.languages)
    ]
    rows = []
    for sheet in exams:
        questions = sheet.questions[:: settings.every]
        tested = list(sides)
        if settings.unguided and sheet.name == "objects en":
            tested.append(unguided)
        for side in tested:
            paths = [
                side.draw(question, settings.seed)
                for question in tqdm(questions, f"{sheet.name}, {side.name}", disable=None)
            ]
            ranks = judged(judge, sheet, questions, paths)
            prompts = [question.prompt for question in questions]
            rows.append(row(sheet, side, prompts, paths, ranks))
            report(settings, rows, judge)
            name = f"{sheet.kind}-{sheet.language}-{side.folder.name}"
            contact_sheet.write(paths, prompts, ranks, out / f"sheet-{name}.png")
            if sheet.name == "objects en" and side is not unguided:
                contact_sheet.blind(paths, prompts, out / f"blind-{side.folder.name}")


def row(sheet: Exam, side: Side, prompts: list[str], paths: list[Path], ranks: list[int]) -> dict:
    """Return a line of the table with its pictures and their ranks."""
    drawn = [
        {"prompt": prompt, "file": path.name, "rank": rank}
        for prompt, path, rank in zip(prompts, paths, ranks, strict=True)
    ]
    labels = {"exam": sheet.name, "choices": len(sheet.choices), "side": side.name}
    return {**labels, **firsts(ranks), "folder": side.folder.name, "drawn": drawn}


def report(settings: Settings, rows: list[dict], judge: Judge) -> None:
    """Print the table so far, and write it as text and JSON."""
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
    """Return the results for real renderings: measured on prepared data, else those shipped with
    the judge."""
    if pictures.prepared(settings.data):
        dataset = pictures.load(settings.data, judge.model.size[0])
        return examine.examine(judge, dataset, names, sources.of("guides"))
    path = Path(settings.judge) / examine.RESULTS
    return json.loads(path.read_text()) if path.exists() else {}


def compared(rows: list[dict]) -> list[str]:
    """Return a line for each exam with two sides: the numbers of pictures that the second side
    ranks better and worse."""
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
