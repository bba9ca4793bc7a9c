"""The record of a training for people."""

from pathlib import Path

import torch
from PIL import Image

from guided.training.common import log


def test_watching_draws_a_sheet_and_a_curve(tmp_path: Path) -> None:
    log.sheet(torch.rand(3, 3, 8, 8), tmp_path / "sheet.png", columns=2, zoom=1)
    training_log = log.TrainingLog(tmp_path / "log.csv", every_seconds=-1)
    for step in range(3):
        training_log.add(step, step / 10, {"loss": 1 / (step + 1)})
    assert (tmp_path / "log.png").exists()
    assert len((tmp_path / "log.csv").read_text().splitlines()) == 4


def test_a_sheet_holds_each_picture_once_in_rows(tmp_path: Path) -> None:
    images = torch.linspace(0, 1, 5).view(5, 1, 1, 1).expand(5, 3, 4, 6)
    log.sheet(images, tmp_path / "sheet.png", columns=3, zoom=2)
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * 7 * 2, 2 * 5 * 2)
        middles = [sheet.getpixel((14 * (i % 3) + 5, 10 * (i // 3) + 3)) for i in range(6)]
    levels = [0, 64, 128, 191, 255, 255]  # the last place is empty: white
    assert middles == [(level,) * 3 for level in levels]


def test_a_line_holds_the_means_since_the_last(tmp_path: Path) -> None:
    training_log = log.TrainingLog(tmp_path / "log.csv")
    for step, loss in ((1, 2.0), (2, 4.0)):
        training_log.add(step, 0.5, {"loss": loss, "cosine": 1.0})
    training_log.write(2, 0.5)
    training_log.write(2, 0.5)  # nothing new
    assert (tmp_path / "log.csv").read_text().splitlines() == [
        "step,minutes,loss,cosine",
        "2,0.5,3.0,1.0",
    ]
