"""The RegNet tower beside timm's in open_clip, bit for bit."""

import copy

import pytest
import torch

from guided.clip.fast_tower import quicken
from guided.clip.folder import own_tower
from guided.clip.regnet import RegNetTower
from guided.compat.open_clip import import_open_clip

NAME = "regnetx_002"
VISION = {
    "timm_model_name": NAME,
    "image_size": 32,
    "timm_pool": "avg",
    "timm_proj": "linear",
    "timm_model_pretrained": False,
}


@pytest.fixture(scope="module")
def towers() -> list[torch.nn.Module]:
    return both(NAME, RegNetTower)


def both(name: str, own: type[torch.nn.Module]) -> list[torch.nn.Module]:
    """Return our tower and timm's of the same random weights, of 16 outputs for 32 pixels."""
    torch.manual_seed(0)
    theirs = import_open_clip().timm_model.TimmModel(name, 16, image_size=32, pool="avg")
    for part in theirs.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            part.running_mean.uniform_(-0.1, 0.1)
            part.running_var.uniform_(0.5, 2)
    ours = own(32, 16)
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
    assert own_tower(VISION) is RegNetTower
    for change in (
        {"timm_model_name": "regnety_002"},
        {"timm_pool": ""},
        {"timm_proj": "mlp"},
        {"timm_proj_bias": True},
        {"timm_drop": 0.1},
        {"layers": 12},
    ):
        assert own_tower(VISION | change) is None
