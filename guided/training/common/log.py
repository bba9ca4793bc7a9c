"""The record of a training for people: sheets of samples, a table and a curve of the loss."""

from __future__ import annotations

import csv
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import torch
from PIL import Image, ImageDraw
from torch import Tensor

from guided.images import contact_sheet, picture


def sheet(images: Tensor, path: Path, columns: int = 8, zoom: int = 3) -> None:
    """Write images (B, 3, H, W) in [0, 1] as one PNG, enlarged `zoom` times without smoothing."""
    board = contact_sheet([picture(image[None]) for image in images], columns, gap=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    board.resize((board.width * zoom, board.height * zoom), Image.Resampling.NEAREST).save(path)


class TrainingLog:
    """A CSV of the means of all values since its last line, each line also printed, and a curve
    of the loss beside it."""

    def __init__(self, path: Path, every_seconds: float = 30.0) -> None:
        self.path, self.every = path, every_seconds
        self.sums: Counter[str] = Counter()
        self.count = 0
        self.last = time.monotonic()

    def add(self, step: int, minutes: float, values: Mapping[str, float]) -> None:
        """Add the values of a step, and write a line if the last one is old."""
        self.sums.update(values)
        self.count += 1
        if time.monotonic() - self.last > self.every:
            self.write(step, minutes)

    def write(self, step: int, minutes: float) -> None:
        """Write the line of means now, if there are any values."""
        if not self.count:
            return
        means = {name: round(total / self.count, 5) for name, total in self.sums.items()}
        row = {"step": step, "minutes": round(minutes, 2), **means}
        is_new = not self.path.exists()
        with self.path.open("a", newline="") as file:
            writer = csv.DictWriter(file, list(row))
            if is_new:
                writer.writeheader()
            writer.writerow(row)
        print(" ".join(f"{name}={value}" for name, value in row.items()), flush=True)
        self.sums, self.count, self.last = Counter(), 0, time.monotonic()
        curve(self.path, self.path.with_suffix(".png"))


def curve(table: Path, path: Path, size: tuple[int, int] = (480, 240)) -> None:
    """Draw the loss of a log's CSV over the steps; nothing for less than two lines."""
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
