"""Saved states: of another network, of other optimizers, damaged."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.optim import Optimizer

from guided.errors import BadInput
from guided.training.common import checkpoint
from guided.training.common.muon import Muon


def saved(path: Path, model: nn.Module, optimizers: list[Optimizer]) -> dict[str, Tensor]:
    """Save a state at step 7; return its weights."""
    model(torch.ones(2, 4)).sum().backward()
    for optimizer in optimizers:
        optimizer.step()
    progress = checkpoint.Progress(step=7, minutes=1.5)
    checkpoint.save(path, model, checkpoint.Ema(model), optimizers, progress)
    return {key: value.clone() for key, value in model.state_dict().items()}


def adam(model: nn.Module) -> Optimizer:
    return torch.optim.AdamW([w for w in model.parameters() if w.requires_grad], 0.1)


def test_a_state_comes_back_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, other = nn.Linear(4, 1), nn.Linear(4, 1)
    optimizer, again = adam(model), adam(other)
    weights = saved(tmp_path / "state.pt", model, [optimizer])
    ema = checkpoint.Ema(other)
    progress = checkpoint.resume(tmp_path / "state.pt", other, ema, [again])
    assert progress == checkpoint.Progress(step=7, minutes=1.5, optimizers_since=0)
    for key, value in other.state_dict().items():
        assert torch.equal(value, weights[key]) and torch.equal(ema.weights[key], weights[key])
    old, new = optimizer.state_dict()["state"], again.state_dict()["state"]
    assert torch.equal(old[0]["exp_avg"], new[0]["exp_avg"])
    assert capsys.readouterr().out == ""


def test_optimizers_of_other_parameters_start_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fewer parameters, another number of optimizers, or none saved: weights and step go on."""
    model = nn.Linear(4, 1)
    weights = saved(tmp_path / "state.pt", model, [adam(model)])
    for optimizers in (
        lambda other: [torch.optim.AdamW([other.weight])],
        lambda other: [adam(other), Muon([other.weight])],
        lambda other: [],
    ):
        other = nn.Linear(4, 1)
        made = optimizers(other)
        progress = checkpoint.resume(tmp_path / "state.pt", other, checkpoint.Ema(other), made)
        assert progress.step == progress.optimizers_since == 7
        assert torch.equal(other.weight, weights["weight"])
        assert not any(optimizer.state for optimizer in made)
        assert "start anew" in capsys.readouterr().out


def test_equal_numbers_of_parameters_of_other_shapes_do_not_fit() -> None:
    model = nn.Linear(4, 1)
    model(torch.ones(2, 4)).sum().backward()
    (optimizer := adam(model)).step()
    assert checkpoint.fits(adam(nn.Linear(4, 1)), optimizer.state_dict())
    assert not checkpoint.fits(adam(nn.Linear(4, 2)), optimizer.state_dict())


def test_a_damaged_state_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "state.pt").write_bytes(b"no state")
    model = nn.Linear(4, 1)
    with pytest.raises(BadInput, match=r"state\.pt is damaged"):
        checkpoint.resume(tmp_path / "state.pt", model, checkpoint.Ema(model), [])


def test_the_average_follows_its_recurrence() -> None:
    """mean += (weights - mean) / (1 + span), where span is 5 % of the steps, from 1 to 10."""
    model = nn.Linear(1, 1, bias=False)
    ema, mean = checkpoint.Ema(model, longest=10), model.weight.item()
    for step in (1, 50, 1000):
        model.weight.data.fill_(step)
        ema.update(model, step)
        mean += (step - mean) / (1 + {1: 1, 50: 2.5, 1000: 10}[step])
        assert ema.weights["weight"].item() == pytest.approx(mean, rel=1e-6)


def test_shipped_weights_are_half_precision_and_readable_by_all(tmp_path: Path) -> None:
    path = tmp_path / "made" / "weights.safetensors"
    weights = {"a": torch.rand(3, 2).T, "count": torch.tensor(3)}
    checkpoint.ship(weights, path, {"steps": "5"})
    shipped = load_file(path)
    assert shipped["a"].dtype == torch.float16 and shipped["count"] == 3
    assert torch.allclose(shipped["a"].float(), weights["a"], atol=1e-3)
    assert path.stat().st_mode & 0o777 == 0o644
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_another_networks_state_is_refused_in_one_line(tmp_path: Path) -> None:
    saved(tmp_path / "state.pt", nn.Linear(4, 1), [])
    model = nn.Linear(2, 2)
    with pytest.raises(BadInput, match="another network"):
        checkpoint.resume(tmp_path / "state.pt", model, checkpoint.Ema(model), [])
