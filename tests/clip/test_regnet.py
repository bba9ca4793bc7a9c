"""The RegNet tower beside timm's in open_clip, bit for bit."""

import copy

import pytest
import torch

from guided.clip.fast_tower import quicken
from guided.clip.regnet import NAME, RegNetTower, is_regnet
from guided.compat.open_clip import import_open_clip

VISION = {
    "timm_model_name": NAME,
    "image_size": 32,
    "timm_pool": "avg",
    "timm_proj": "linear",
    "timm_model_pretrained": False,
}


@pytest.fixture(scope="module")
def towers() -> list[torch.nn.Module]:
    torch.manual_seed(0)
    theirs = import_open_clip().timm_model.TimmModel(NAME, 16, image_size=32, pool="avg")
    for part in theirs.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 2)
    ours = RegNetTower(32, 16)
    ours.load_state_dict(theirs.state_dict())
    return [tower.eval().requires_grad_(False) for tower in (ours, theirs)]


def results(tower: torch.nn.Module) -> list[torch.Tensor]:
    """Return the output and the gradient of a sum of squares."""
    views = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(1)).requires_grad_()
    points = tower(views)
    points.square().sum().backward()
    return [points.detach(), views.grad]


@pytest.mark.parametrize("quick", [False, True])
def test_outputs_and_gradients_are_those_of_timm(
    towers: list[torch.nn.Module], quick: bool
) -> None:
    each = [quicken(copy.deepcopy(tower)) if quick else tower for tower in towers]
    ours, theirs = map(results, each)
    assert ours[0].shape == (3, 16) and ours[1].abs().max() > 0
    assert all(map(torch.equal, ours, theirs))


def test_only_the_same_description_is_taken_for_it() -> None:
    assert is_regnet(VISION)
    for change in (
        {"timm_model_name": "regnety_002"},
        {"timm_pool": ""},
        {"timm_proj": "mlp"},
        {"timm_proj_bias": True},
        {"timm_drop": 0.1},
        {"layers": 12},
    ):
        assert not is_regnet(VISION | change)
