"""Budget, pace, stopping and going on, whatever is learnt."""

import os
import signal
from pathlib import Path

import pytest
import torch
from torch import nn

from guided.training.common.muon import Muon
from guided.training.common.settings import TrainingSettings
from guided.training.common.trainer import Trainer


def settings(place: Path, **more: object) -> TrainingSettings:
    made = TrainingSettings(
        **{"data": str(place), "out": str(place / "run"), "device": "cpu", **more}
    )
    made.check()
    return made


def walk(trainer: Trainer, stop_at: int = 0) -> list[float]:
    """Learn a straight line; the learning rate of each step."""
    rates = []
    for (x, noise), _ in trainer.batches(make):
        rates.append(trainer.optimizers[0].param_groups[0]["lr"])
        target = x.sum(1, keepdim=True) + noise
        trainer.learn((trainer.model(x) - target).square().mean())
        if trainer.step == stop_at:
            os.kill(os.getpid(), signal.SIGTERM)
        if trainer.is_due:
            trainer.save()
    return rates


def make(step: int, rng: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(8, 4, generator=rng), 0.01 * torch.randn(8, 1, generator=rng)


def trainer_of(chosen: TrainingSettings) -> Trainer:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.2), nn.Linear(4, 1))
    matrices = [w for w in model.parameters() if w.ndim > 1]
    vectors = [w for w in model.parameters() if w.ndim == 1]
    return Trainer(
        chosen, model, [Muon(matrices, 0.02), torch.optim.AdamW(vectors, 0.01)], warmup=3
    )


@pytest.mark.parametrize("stop_at", [2, 9])
def test_a_stopped_training_goes_on_bit_for_bit_also_in_its_fade(
    tmp_path: Path, stop_at: int
) -> None:
    """SIGTERM after step `stop_at` of 12, of which the last 6 fade."""
    whole = trainer_of(settings(tmp_path, steps=12, fade=0.5, out=str(tmp_path / "whole")))
    walk(whole)
    chosen = settings(tmp_path, steps=12, fade=0.5)
    with pytest.raises(KeyboardInterrupt):
        walk(trainer_of(chosen), stop_at)
    again = trainer_of(chosen)
    assert again.step == stop_at
    walk(again)
    for a, b in zip(whole.model.parameters(), again.model.parameters(), strict=True):
        assert torch.equal(a, b)
    for key, value in whole.ema.weights.items():
        assert torch.equal(value, again.ema.weights[key])


def test_the_pace_rises_stays_and_falls(tmp_path: Path) -> None:
    rates = walk(trainer_of(settings(tmp_path, steps=10, fade=0.4)))
    assert (tmp_path / "run" / "log.csv").read_text().splitlines()[-1].startswith("10,")
    want = [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 3 / 4, 2 / 4, 1 / 4]
    assert [rate / 0.02 for rate in rates] == pytest.approx(want)


def test_a_spent_budget_is_said_and_a_larger_one_goes_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    walk(trainer_of(settings(tmp_path, steps=3)))
    assert walk(trainer_of(settings(tmp_path, steps=3))) == []
    assert "larger" in capsys.readouterr().out
    assert len(walk(trainer_of(settings(tmp_path, steps=5, fade=0)))) == 2


def test_the_learning_rate_is_what_is_set_now(tmp_path: Path) -> None:
    walk(trainer_of(settings(tmp_path, steps=3)))
    slower = trainer_of(settings(tmp_path, steps=6, fade=0))
    slower.rates = [[0.001], [0.001]]
    assert walk(slower)[0] == pytest.approx(0.001)


def test_minutes_are_a_budget_over_all_starts(tmp_path: Path) -> None:
    chosen = settings(tmp_path, minutes=1e-4)
    walk(trainer_of(chosen))
    assert trainer_of(chosen).is_over
