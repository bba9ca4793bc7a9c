"""Budget, pace, stopping and going on, whatever is learnt."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from guided.errors import BadInput
from guided.training.common.muon import Muon
from guided.training.common.settings import Training, from_argv, main
from guided.training.common.trainer import Trainer


def settings(place: Path, **more: object) -> Training:
    made = Training(**{"data": str(place), "out": str(place / "run"), "device": "cpu", **more})
    made.check()
    return made


def walk(course: Trainer, stop_at: int = 0) -> list[float]:
    """Learn a straight line; the learning rate of each step."""
    rates = []
    for (x, noise), _ in course.batches(make):
        rates.append(course.steppers[0].param_groups[0]["lr"])
        target = x.sum(1, keepdim=True) + noise
        course.learn((course.model(x) - target).square().mean())
        if course.step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        if course.due:
            course.save()
    return rates


def make(step: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(8, 4, generator=rng), 0.01 * torch.randn(8, 1, generator=rng)


def course(told: Training) -> Trainer:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    matrices = [w for w in model.parameters() if w.ndim > 1]
    vectors = [w for w in model.parameters() if w.ndim == 1]
    return Trainer(told, model, [Muon(matrices, 0.02), torch.optim.AdamW(vectors, 0.01)], warmup=3)


@pytest.mark.parametrize("stop_at", [2, 9])
def test_a_stopped_course_goes_on_bit_for_bit_also_in_its_fade(
    tmp_path: Path, stop_at: int
) -> None:
    """SIGTERM after step `stop_at` of 12, of which the last 6 fade."""
    whole = course(settings(tmp_path, steps=12, fade=0.5, out=str(tmp_path / "whole")))
    walk(whole)
    told = settings(tmp_path, steps=12, fade=0.5)
    with pytest.raises(KeyboardInterrupt):
        walk(course(told), stop_at)
    again = course(told)
    assert again.step == stop_at
    walk(again)
    for a, b in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)
    for key, kept in whole.ema.weights.items():
        assert torch.equal(kept, again.ema.weights[key])


def test_the_pace_rises_stays_and_falls(tmp_path: Path) -> None:
    rates = walk(course(settings(tmp_path, steps=10, fade=0.4)))
    assert (tmp_path / "run" / "diary.csv").read_text().splitlines()[-1].startswith("10,")
    want = [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4]
    assert [rate / 0.02 for rate in rates] == pytest.approx(want)


def test_a_spent_budget_is_said_and_a_larger_one_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk(course(settings(tmp_path, steps=3)))
    assert walk(course(settings(tmp_path, steps=3))) == []
    assert "larger" in capsys.readouterr().out
    assert len(walk(course(settings(tmp_path, steps=5, fade=0)))) == 2


def test_the_learning_rate_is_what_is_set_now(tmp_path: Path) -> None:
    walk(course(settings(tmp_path, steps=3)))
    slower = course(settings(tmp_path, steps=6, fade=0))
    slower.full = [[0.001], [0.001]]
    assert walk(slower)[0] == pytest.approx(0.001)


def test_minutes_are_a_budget_over_all_starts(tmp_path: Path) -> None:
    told = settings(tmp_path, minutes=1e-4)
    walk(course(told))
    assert course(told).over


def test_another_networks_state_is_refused_in_one_line(tmp_path: Path) -> None:
    told = settings(tmp_path, steps=1)
    walk(course(told))
    with pytest.raises(BadInput, match="another network"):
        Trainer(told, nn.Linear(2, 2), [])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"fade": 1.5}, "fade=1.5"),
        ({"batch": 0}, "batch=0"),
        ({"minutes": 0.0}, "minutes=0"),
        ({"device": "gpu"}, "device=gpu"),
        ({"precision": "float16"}, "precision=float16"),
        ({"data": "/nowhere"}, "data=/nowhere"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, more: dict, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        settings(tmp_path, **more)


def test_settings_read_words_and_name_mistakes() -> None:
    told = from_argv(Training, ["minutes=3", "fade=1e-1", "compile=true", "out=x"])
    assert (told.minutes, told.fade, told.compile, told.out) == (3.0, 0.1, True, "x")
    for words, said in (
        (["minute=3"], "did you mean 'minutes'"),
        (["batch=many"], "batch=many must be a int"),
        (["fade=much"], "fade=much must be a float"),
        (["minutes"], "'minutes' is not one of the settings"),
    ):
        with pytest.raises(BadInput, match=said):
            from_argv(Training, words)


def test_bad_input_is_one_line_and_exit_code_two(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["x", "fade=2"])
    with pytest.raises(SystemExit) as left:
        main(Training, Training.check)
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
