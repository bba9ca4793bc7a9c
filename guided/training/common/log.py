"""What a person looks at while a training runs: contact sheets, a curve, a line of numbers.
Knows nothing about models.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from guided.images import contact_sheet, picture


def sheet(images: Tensor, path: Path, columns: int = 8, zoom: int = 3) -> None:
    """(B, 3, H, W) in [0, 1] -> one PNG, each picture enlarged `zoom` times without smoothing."""
    board = contact_sheet([picture(image[None]) for image in images], columns, gap=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    board.resize((board.width * zoom, board.height * zoom), Image.Resampling.NEAREST).save(path)


class TrainingLog:
    """Means of the numbers reported since the last line, appended to a CSV and printed; a curve
    is drawn beside it."""

    def __init__(self, path: Path, every_seconds: float = 30.0) -> None:
        self.path, self.every = path, every_seconds
        self.sums: dict[str, float] = {}
        self.count = 0
        self.last = time.monotonic()

    def note(self, step: int, minutes: float, **numbers: float) -> None:
        for name, number in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + number
        self.count += 1
        if time.monotonic() - self.last > self.every:
            self.write(step, minutes)

    def write(self, step: int, minutes: float) -> None:
        if not self.count:
            return
        means = {name: round(total / self.count, 5) for name, total in self.sums.items()}
        row = {"step": step, "minutes": round(minutes, 2), **means}
        fresh = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if fresh:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{name}={value}" for name, value in row.items()), flush=True)
        self.sums, self.count, self.last = {}, 0, time.monotonic()
        curve(self.path, self.path.with_suffix(".png"))


def curve(table: Path, path: Path, size: tuple[int, int] = (480, 240)) -> None:
    """The loss column of a diary as a line over the steps."""
    with table.open() as file:
        rows = list(csv.DictReader(file))
    if len(rows) < 2:
        return
    x = torch.tensor([float(row["step"]) for row in rows])
    y = torch.tensor([float(row["loss"]) for row in rows])
    x = (x - x.min()) / (x.max() - x.min()).clamp(min=1) * (size[0] - 1)
    y = (1 - (y - y.min()) / (y.max() - y.min()).clamp(min=1e-9)) * (size[1] - 1)
    board = Image.new("RGB", size, "white")
    ImageDraw.Draw(board).line(
        list(zip(x.tolist(), y.tolist(), strict=True)), fill="crimson", width=2
    )
    board.save(path)
