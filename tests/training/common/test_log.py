"""What a person looks at while a training runs."""

from pathlib import Path

import torch

from guided.training.common import log


def test_watching_draws_a_sheet_and_a_curve(tmp_path: Path) -> None:
    log.sheet(torch.rand(3, 3, 8, 8), tmp_path / "sheet.png", columns=2, zoom=1)
    diary = log.TrainingLog(tmp_path / "diary.csv", every_seconds=-1)
    for step in range(3):
        diary.note(step, step / 10, loss=1 / (step + 1))
    assert (tmp_path / "diary.png").exists()
    assert len((tmp_path / "diary.csv").read_text().splitlines()) == 4
