"""Measures scenes of several regions: how often the judge names each region's own crop.

    python -m guided.training.evaluation.scenes                      # 20 scenes
    python -m guided.training.evaluation.scenes sheet=docs/scenes.webp  # their contact sheet too
    python -m guided.training.evaluation.scenes settings="steps=25" every=4

Writes scenes.json and a contact sheet into `out`. A scene succeeds if the prompt of each of its
regions is among the first five of the exam's objects for that region. After a stop, the same
command draws only the missing pictures.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from tqdm import tqdm

from guided.config.plan import Plan
from guided.cutouts.region_views import RegionView
from guided.errors import BadInput
from guided.images import contact_sheet, read_picture
from guided.training.common.settings import main
from guided.training.evaluation import judging
from guided.training.evaluation.evaluate import Side
from guided.training.evaluation.judging import Judge, firsts
from guided.training.evaluation.questions import HERE, exam

FIVE = 5  # ranks up to which a region is recognised
ROW, LABEL, GAP = 384, 16, 6  # pixels of the contact sheet: a row's width, a label's height


@dataclass
class Settings:
    """The settings of the measurement."""

    out: str = "runs/scenes"
    sheet: str = ""  # the contact sheet's file; empty: sheet.webp in `out`
    every: int = 1  # only every n-th scene is drawn
    seed: int = 0  # scene number n is drawn with seed 1000 * seed + n
    settings: str = ""  # further settings of run.py
    judge: str = str(judging.FOLDER)

    def check(self) -> None:
        """Raise BadInput with the first setting that is out of range."""
        if self.every < 1:
            raise BadInput(f"every={self.every} must be 1 or more")


@dataclass(frozen=True)
class SceneQuestion:
    """A scene to draw: objects of the exam, and the layout that places them."""

    number: int
    layout: str
    objects: tuple[str, ...]

    @property
    def prompt(self) -> str:
        return " | ".join(self.objects)


def questions() -> list[SceneQuestion]:
    """Return the scenes of prompts.yaml."""
    book = yaml.safe_load((HERE / "prompts.yaml").read_text())
    return [
        SceneQuestion(number, scene["layout"], tuple(scene["objects"]))
        for number, scene in enumerate(book["scenes"])
    ]


def plan_of(side: Side, scene: SceneQuestion, seed: int) -> Plan:
    """Return the plan of a scene with the settings of a side."""
    side.cfg.prompt, side.cfg.layout, side.cfg.count = scene.prompt, scene.layout, 1
    side.cfg.seed = 1000 * seed + scene.number
    return Plan.read(side.cfg)


def crops(image: Tensor, plan: Plan) -> Iterator[tuple[str, Tensor]]:
    """Yield the prompt and the crop of each region of a scene's picture (1, 3, H, W)."""
    size = (image.shape[3], image.shape[2])
    for asked in plan.decided(plan.seed):
        if asked.region is not None:
            yield asked.text, RegionView.of(asked.region, size).cropped(image)


def measure(settings: Settings) -> None:
    """Draw and judge the scenes, and write the results."""
    settings.check()
    out, judge = Path(settings.out), Judge.load(settings.judge)
    side = Side.named(settings.settings or "scenes", shlex.split(settings.settings), out)
    choices = exam("objects", "en").choices
    rows, paths = [], []
    for scene in tqdm(questions()[:: settings.every], disable=None):
        path = side.folder / f"scene-{scene.number:02d}-{settings.seed}.png"
        plan = plan_of(side, scene, settings.seed)
        if not path.exists():
            side.save(plan, path)
        ranks = [
            judge.ranks(crop, [choices.index(text)], choices)[0]
            for text, crop in crops(read_picture(str(path)), plan)
        ]
        rows.append({"prompt": scene.prompt, "layout": scene.layout, "ranks": ranks})
        paths.append(path)
    report(rows, out)
    write_sheet(paths, rows, Path(settings.sheet or out / "sheet.webp"))


def report(rows: Sequence[dict], out: Path) -> None:
    """Print the results, and write them as JSON."""
    whole = sum(max(row["ranks"]) <= FIVE for row in rows) / len(rows)
    every = firsts([rank for row in rows for rank in row["ranks"]])
    for row in rows:
        print(f"{row['layout']:<8} {row['prompt']:<50} {row['ranks']}")
    print(f"{whole:.2f} of {len(rows)} scenes have every region in the first five")
    print(f"{every['count']} regions: first {every['first']:.2f}, first five {every['five']:.2f}")
    (out / "scenes.json").write_text(
        json.dumps({"scenes": round(whole, 4), "regions": every, "drawn": rows}, indent=1)
    )


def write_sheet(paths: Sequence[Path], rows: Sequence[dict], path: Path) -> None:
    """Write the scenes with their prompts below, the wide ones first."""
    tiles = [labelled(file, row["prompt"]) for file, row in zip(paths, rows, strict=True)]
    wide = [tile for tile in tiles if tile.width > ROW // 2]
    square = [tile for tile in tiles if tile.width <= ROW // 2]
    parts = [contact_sheet(*of, GAP) for of in ((wide, 2), (square, 4)) if of[0]]
    path.parent.mkdir(parents=True, exist_ok=True)
    contact_sheet(parts, 1, 0).save(path, quality=80, method=6)


def labelled(path: Path, label: str) -> Image.Image:
    """Return a picture above a line of text, wide ones ROW pixels wide and others about half."""
    with Image.open(path) as file:
        image = file.convert("RGB")
    width = ROW if image.width > image.height else (ROW - GAP) // 2
    height = round(image.height * width / image.width)
    tile = Image.new("RGB", (width, height + LABEL), "white")
    tile.paste(image.resize((width, height), Image.Resampling.LANCZOS))
    ImageDraw.Draw(tile).text((2, height + 1), label, "black", ImageFont.load_default(11))
    return tile


if __name__ == "__main__":
    main(Settings, measure)
