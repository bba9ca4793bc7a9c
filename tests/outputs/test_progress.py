"""The progress bar: what a narrow terminal shows."""

from dataclasses import dataclass
from io import StringIO

import pytest
import torch
from tqdm import tqdm

from guided.interfaces import Frame, Prediction
from guided.outputs.progress import LAYOUT, ProgressViewer, fitting


@dataclass
class Batch:
    pictures: int = 12
    unit: str = "pictures"
    done: int = 3
    closed: int = 3

    def time_left(self, part=0.0):
        return "46 min left"


def last_line(columns: int, number: int, steps: int, total: int | None = 12) -> str:
    image = torch.zeros(1, 3, 4, 4)
    prediction = Prediction(
        image, image, losses={"clip": torch.tensor([2.0])}, similarity=torch.tensor([0.25])
    )
    frame = Frame(number, 7, 1, steps, 1 / steps, image, prediction, 0.1)
    out = StringIO()
    with tqdm(total=total, file=out, bar_format=LAYOUT, ncols=columns, ascii=True) as bar:
        ProgressViewer(bar, Batch(), 1).see(frame)
        return out.getvalue().rpartition("\r")[2].rstrip()


@pytest.mark.parametrize(("number", "steps"), [(0, 25), (99_999, 1000)])
def test_sixty_columns_have_picture_step_and_time_left(number, steps):
    line = last_line(60, number, steps)
    assert line.startswith(f"picture {number}, step 1/{steps}, 46 min left")
    assert line.endswith("|")
    assert len(line) <= 60


@pytest.mark.parametrize("total", [None, 0])
def test_without_a_total_there_is_all_the_same(total):
    line = last_line(60, 5, 25, total)
    assert line.startswith("picture 5, step 1/25, 46 min left")
    assert len(line) <= 60


def test_the_bar_has_the_share_of_the_work_and_not_of_the_steps():
    image = torch.zeros(1, 3, 4, 4)
    frame = Frame(0, 7, 1, 3, 1 / 3, image, Prediction(image, image), 0.1)
    with tqdm(total=12, file=StringIO(), bar_format=LAYOUT, ncols=60) as bar:
        ProgressViewer(bar, Batch(closed=2), 2, [0.5, 0.75, 1.0]).see(frame)
        assert bar.n == 2 + 2 * 0.5


def test_a_wide_terminal_has_everything():
    line = last_line(120, 0, 25)
    assert "46 min left, similarity 0.250, loss 2.0, 3 of 12 pictures" in line
    assert len(line) <= 120


def test_facts_that_do_not_fit_are_left_out_as_a_whole():
    assert fitting(["46 min left", "loss 2.0"], 25) == "46 min left, loss 2.0"
    assert fitting(["46 min left", "loss 2.0"], 20) == "46 min left"
    assert fitting(["46 min left"], 5) == ""
