"""Measures the manners of drawing: draws objects once, renders them in each of NAMES as `manner=`
does, and has the judge find the object among a hundred in that manner, and the manner among all of
that object. With apart=true every picture is drawn, by a seed of its own; with
settings="manner=none" guidance alone then draws the manner.

    python -m guided.training.evaluation.in_manners                  # 20 manners x 20 objects
    python -m guided.training.evaluation.in_manners objects=5 settings="look=draft"
    python -m guided.training.evaluation.in_manners apart=true settings="manner=none"

Writes table.txt, results.json and contact sheets into `out`; what is drawn already is kept.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

import torch
from tqdm import tqdm

from guided.errors import BadInput
from guided.images import picture
from guided.outputs.manner_names import NAMES
from guided.outputs.manners import rendered
from guided.training.common.settings import main
from guided.training.evaluation import contact_sheet, judging
from guided.training.evaluation.evaluate import Side, load
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import Question, exam

SENTENCE = "{} of {}"  # a manner and an object with its article


@dataclass
class Settings:
    """The settings of the measurement."""

    out: str = "runs/manners"  # the folder of pictures, sheets and results
    objects: int = 20  # objects of the exam, evenly taken
    apart: bool = False  # draw every picture; false: each object once
    seed: int = 0  # as in guided.training.evaluation
    judge: str = str(judging.FOLDER)  # the CLIP that judges: a folder
    settings: str = ""  # further settings of run.py
    threads: int = 0  # CPU cores; 0: all

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        most = len(exam("objects", "en").questions)
        if not 1 <= self.objects <= most:
            raise BadInput(f"objects={self.objects} must be from 1 to {most}")


def questions(manner: int, chosen: list[Question]) -> list[Question]:
    """Return the prompts for the chosen objects in a manner."""
    name = NAMES[manner]
    return [
        Question("manners", "en", manner * 1000 + one.number, SENTENCE.format(name, one.prompt),
                 one.truth, one.of)
        for one in chosen
    ]  # fmt: skip


def ranks(
    judge: Judge, manner: int, chosen: list[Question], paths: list[Path], objects: list[str]
) -> tuple[list[int], list[int]]:
    """Return the ranks of the true objects among all in the manner, and of the manner among all of
    each true object."""
    images = load(paths)
    texts = [SENTENCE.format(NAMES[manner], one) for one in objects]
    of_object = judge.ranks(images, [one.truth for one in chosen], texts)
    of_manner = [
        judge.ranks(image[None], [manner], [SENTENCE.format(name, one.prompt) for name in NAMES])[
            0
        ]
        for image, one in zip(images, chosen, strict=True)
    ]
    return of_object, of_manner


def render(plain: Path, one: Question, manner: int, folder: Path) -> Path:
    """Return the file in `folder` with a drawn picture in a manner."""
    path = folder / f"{NAMES[manner].replace(' ', '_')}-{plain.name}"
    folder.mkdir(parents=True, exist_ok=True)
    picture(rendered(load([plain]), NAMES[manner], one.number)).save(path)
    return path


def measure(settings: Settings) -> None:
    """Draw, judge and report everything."""
    settings.check()
    if settings.threads:
        torch.set_num_threads(settings.threads)
    out, judge = Path(settings.out), Judge.load(settings.judge)
    words = shlex.split(settings.settings) + ([] if settings.apart else ["manner=none"])
    side = Side.named(shlex.join(words) or "default", words, out)
    sheet = exam("objects", "en")
    chosen = sheet.questions[:: len(sheet.questions) // settings.objects][: settings.objects]
    plain = [side.draw(one, settings.seed) for one in tqdm(chosen) if not settings.apart]
    rows, drawn, labels, best = [], [], [], []
    for i, name in enumerate(NAMES):
        asked = questions(i, chosen)
        if settings.apart:
            paths = [side.draw(one, settings.seed) for one in tqdm(asked, name, disable=None)]
        else:
            paths = [
                render(path, one, i, out / "rendered")
                for path, one in zip(plain, asked, strict=True)
            ]
        of_object, of_manner = ranks(judge, i, chosen, paths, sheet.choices)
        rows.append({"manner": name, "object": firsts(of_object), "named": firsts(of_manner)})
        drawn += paths
        labels += [one.prompt for one in asked]
        best += of_object
        report(rows, out)
        contact_sheet.write(drawn, labels, best, out / "sheet.png")
    contact_sheet.blind(drawn, labels, out / "blind")


def report(rows: list[dict], out: Path) -> None:
    """Print the table so far, and write it as text and JSON."""
    lines = [f"{'manner':<18} object first, five   manner first, five"]
    means = {
        part: {key: sum(row[part][key] for row in rows) / len(rows) for key in ("first", "five")}
        for part in ("object", "named")
    }
    for row in [*rows, {"manner": "all", **means}]:
        one, other = row["object"], row["named"]
        lines.append(
            f"{row['manner']:<18} {one['first']:>12.2f} {one['five']:>5.2f} "
            f"{other['first']:>14.2f} {other['five']:>5.2f}"
        )
    out.mkdir(parents=True, exist_ok=True)
    (out / "table.txt").write_text("\n".join(lines) + "\n")
    (out / "results.json").write_text(json.dumps({"rows": rows, "all": means}, indent=1))
    print(lines[-2], flush=True)


if __name__ == "__main__":
    main(Settings, measure)
