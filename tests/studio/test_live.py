"""What is told of a picture while it is drawn."""

from pathlib import Path

import pytest
import torch
from PIL import Image

from guided.interfaces import Frame, Prediction, Run
from guided.studio.live import Live, small


def frame(step: int, steps: int = 4, index: int = 0, seconds: float = 0.5, side: int = 8) -> Frame:
    image = torch.full((1, 3, side, side), 0.5)
    loss = {"clip": torch.tensor([2.0]), "broken": torch.tensor([float("nan")])}
    prediction = Prediction(image, image, losses=loss, similarity=torch.tensor([0.25]))
    return Frame(index, 7, step, steps, step / steps, image, prediction, seconds)


class Overall:
    pictures, done, closed, unit = 4, 1, 1, "pictures"

    def time_left(self, part: float = 0.0) -> str:
        return ""


def run_of(folder: Path, **more) -> Run:
    return Run(folder, {}, [], 1, 4, lambda image, times: image, overall=Overall(), **more)


@pytest.fixture
def told(tmp_path):
    """A Live, what it told, and whether it stopped."""
    events, stops, goes = [], [], [True]
    live = Live(
        "abc",
        tmp_path / "previews",
        lambda kind, **data: events.append((kind, data)),
        goes_on=lambda: goes[0],
        stop=lambda: stops.append(True),
        passes=[1, 1, 3, 1],
    )
    return live, events, stops, goes


def test_each_step_is_told_with_its_preview(told, tmp_path):
    live, events, stops, _ = told
    with live.open(run_of(tmp_path)) as viewer:
        for step in (1, 2, 3, 4):
            viewer.see(frame(step))
    previews = [data for kind, data in events if kind == "preview"]
    assert [data["step"] for data in previews] == [1, 2, 3, 4] and not stops
    for data in previews:
        path = tmp_path / "previews" / f"0000_{data['step']:04d}.webp"
        assert Image.open(path).size == (8, 8)
    metrics = next(data for kind, data in events if kind == "metrics")
    assert metrics["similarity"] == 0.25 and metrics["loss"] == {"clip": 2.0, "broken": None}


def test_a_preview_is_told_only_when_its_file_is_whole(told, tmp_path):
    live, events, _, _ = told
    live.emit = lambda kind, **data: (
        kind != "preview"
        or events.append((tmp_path / "previews" / "0000_0001.webp").stat().st_size)
    )
    with live.open(run_of(tmp_path)) as viewer:
        viewer.see(frame(1))
    assert events[0] > 0


def test_progress_and_time_are_of_the_whole_prediction(told, tmp_path):
    """One of four pictures is done; after half of the second, three eighths are, and the rest
    takes what the half has taken, five times."""
    live, events, _, _ = told
    with live.open(run_of(tmp_path, shares=[0.25, 0.5, 0.75, 1.0])) as viewer:
        for step in (1, 2):
            viewer.see(frame(step))
    progress = [data for kind, data in events if kind == "progress"][-1]
    assert progress["progress"] == 3 / 8 and progress["seconds_left"] == pytest.approx(5.0)


def test_it_stops_after_the_step_at_which_it_is_canceled(told, tmp_path):
    live, _, stops, goes = told
    with live.open(run_of(tmp_path)) as viewer:
        viewer.see(frame(1))
        goes[0] = False
        viewer.see(frame(2))
    assert stops == [True]


def test_the_seconds_of_a_pass_are_without_the_first_step(told, tmp_path):
    live, _, _, _ = told
    with live.open(run_of(tmp_path)) as viewer:
        for step, seconds in ((1, 9.0), (2, 1.0), (3, 3.0), (4, 1.0)):
            viewer.see(frame(step, seconds=seconds))
    assert live.seconds_of_pass == 1.0


def test_views_are_made_only_when_they_are_wanted(told, tmp_path):
    live, events, _, _ = told
    wanted = [False, True, False]
    live.views_wanted = lambda: wanted.pop(0)
    look = lambda image, progress, seed: [torch.rand(4, 3, 16, 16)]  # noqa: E731
    with live.open(run_of(tmp_path, look=look)) as viewer:
        for step in (1, 2, 3):
            viewer.see(frame(step))
    assert [data["step"] for kind, data in events if kind == "views"] == [2]
    assert Image.open(tmp_path / "previews" / "0000_0002_views.webp").size[0] > 32


@pytest.mark.parametrize(("size", "shown"), [((512, 768), (170, 256)), ((100, 50), (100, 50))])
def test_large_images_are_made_smaller(size, shown):
    width, height = size
    image = small(torch.rand(1, 3, height, width))
    image.thumbnail((256, 256))
    assert abs(image.width - shown[0]) <= 1 and abs(image.height - shown[1]) <= 1


def test_numbers_that_are_none_are_drawn_as_black():
    assert small(torch.full((1, 3, 4, 4), float("nan"))).getpixel((0, 0)) == (0, 0, 0)
