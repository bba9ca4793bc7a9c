"""Measures drawing into an empty half of a canvas: how often the judge names the object there.

    python -m guided.training.evaluation.half_canvas                           # 50 objects
    python -m guided.training.evaluation.half_canvas settings="look=draft" every=10

Each object is drawn into the right half of a white canvas of 64x32 pixels, by a mask. Writes
half_canvas.json and a contact sheet of the halves into `out`. After a stop, the same command draws
only the missing pictures.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from guided.errors import BadInput
from guided.images import tensor
from guided.training.common.settings import main
from guided.training.evaluation import contact_sheet, judging
from guided.training.evaluation.evaluate import Side
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import exam

CANVAS = ["size=[64,32]", "init=color:#ffffff", "mask=[0.5,0,1,1]"]


@dataclass
class Settings:
    """The settings of the measurement."""

    out: str = "runs/half_canvas"
    every: int = 2  # only every n-th of the hundred objects is drawn
    seed: int = 0  # as in guided.training.evaluation
    settings: str = ""  # further settings of run.py
    judge: str = str(judging.FOLDER)

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if self.every < 1:
            raise BadInput(f"every={self.every} must be 1 or more")


def right_half(path: Path) -> Image.Image:
    """Return the right half of a picture."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    return image.crop((image.width // 2, 0, image.width, image.height))


def measure(settings: Settings) -> None:
    """Draw and judge the objects, and write the results."""
    settings.check()
    out, judge, sheet = Path(settings.out), Judge.load(settings.judge), exam("objects", "en")
    side = Side.named(
        settings.settings or "default", [*CANVAS, *shlex.split(settings.settings)], out
    )
    rows, halves = [], []
    for question in tqdm(sheet.questions[:: settings.every], disable=None):
        path = side.draw(question, settings.seed)
        half = right_half(path)
        rank = judge.ranks(tensor(half), [question.truth], sheet.choices)[0]
        rows.append({"prompt": question.prompt, "rank": rank})
        halves.append(path.with_suffix(".half.png"))
        half.save(halves[-1])
    ranks = [row["rank"] for row in rows]
    found = firsts(ranks)
    print(f"{found['count']} objects: first {found['first']:.2f}, first five {found['five']:.2f}")
    (out / "half_canvas.json").write_text(json.dumps({"all": found, "drawn": rows}, indent=1))
    contact_sheet.write(halves, [row["prompt"] for row in rows], ranks, out / "sheet.png")


if __name__ == "__main__":
    main(Settings, measure)
